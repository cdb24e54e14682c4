package messages

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/lanyard-project/lanyard/internal/store/storetest"
)

// patience is how long a test waits for what has to come.
const patience = 2 * time.Minute

// newBroker is a service over a real store, on a clock that the test moves.
func newBroker(t *testing.T) (*Service, *clocktesting.FakePassiveClock, queue) {
	t.Helper()
	clk := clocktesting.NewFakePassiveClock(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	return &Service{State: storetest.New(t), Clock: clk, Log: slog.New(slog.DiscardHandler)}, clk,
		queue{key: prefix + "q/", part: active, lock: time.Minute, deliveries: 3, longest: 1 << 20}
}

func (s *Service) bodies(t *testing.T, q queue, keep bool) (out []string) {
	t.Helper()
	for {
		m, err := s.receive(t.Context(), q, keep, 0)
		if err != nil {
			t.Fatal(err)
		}
		if m == nil {
			return out
		}
		out = append(out, string(m.Body))
	}
}

func put(t *testing.T, s *Service, q queue, all ...Message) {
	t.Helper()
	if err := s.send(t.Context(), q, all); err != nil {
		t.Fatal(err)
	}
}

func TestLocksEndAndMessagesComeAgainUntilTheyCameTooOften(t *testing.T) {
	s, clk, q := newBroker(t)
	put(t, s, q, Message{Body: []byte("a")}, Message{Body: []byte("b")})
	for range q.deliveries {
		if diff := cmp.Diff([]string{"a", "b"}, s.bodies(t, q, true)); diff != "" {
			t.Error(diff)
		}
		clk.SetTime(clk.Now().Add(q.lock + time.Second))
	}
	if got := s.bodies(t, q, true); got != nil {
		t.Errorf("after %d deliveries: %v", q.deliveries, got)
	}
	if diff := cmp.Diff([]string{"a", "b"}, s.bodies(t, q.of(dead), false)); diff != "" {
		t.Errorf("dead letters: %s", diff)
	}
}

func TestTimesOfMessages(t *testing.T) {
	s, clk, q := newBroker(t)
	q.buriesLate, q.lives = true, time.Hour
	put(t, s, q, Message{Body: []byte("late"), Due: clk.Now().Add(10 * time.Minute)}, Message{Body: []byte("short"), Expires: clk.Now().Add(time.Second)}, Message{Body: []byte("now")})
	clk.SetTime(clk.Now().Add(2 * time.Second))
	if diff := cmp.Diff([]string{"now"}, s.bodies(t, q, false)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"short"}, s.bodies(t, q.of(dead), false)); diff != "" {
		t.Errorf("dead letters: %s", diff)
	}
	clk.SetTime(clk.Now().Add(10 * time.Minute))
	if diff := cmp.Diff([]string{"late"}, s.bodies(t, q, false)); diff != "" {
		t.Error(diff)
	}
}

func TestALockThatEndedSettlesNothing(t *testing.T) {
	s, clk, q := newBroker(t)
	put(t, s, q, Message{Body: []byte("a"), ID: "id"})
	m, err := s.receive(t.Context(), q, true, 0)
	if err != nil || m == nil {
		t.Fatal(m, err)
	}
	done := func(*Message) bool { return false }
	if held, err := s.settle(t.Context(), q, "id", "00000000-0000-0000-0000-000000000000", done); held || err != nil {
		t.Errorf("another's lock: %v %v", held, err)
	}
	clk.SetTime(clk.Now().Add(q.lock + time.Second))
	if held, err := s.settle(t.Context(), q, "id", m.Lock, done); held || err != nil {
		t.Errorf("a lock that ended: %v %v", held, err)
	}
	if diff := cmp.Diff([]string{"a"}, s.bodies(t, q, false)); diff != "" {
		t.Error(diff)
	}
}

// TestEveryMessageGoesToOneReceiver has many senders and receivers at once.
func TestEveryMessageGoesToOneReceiver(t *testing.T) {
	const senders, each, receivers = 4, 10, 6
	s, _, q := newBroker(t)
	var all sync.WaitGroup
	failures := make(chan error, senders+receivers)
	for i := range senders {
		all.Go(func() {
			for j := range each {
				if err := s.send(t.Context(), q, []Message{{Body: fmt.Appendf(nil, "%d/%d", i, j)}}); err != nil {
					failures <- err
				}
			}
		})
	}
	var mu sync.Mutex
	seen := map[string]int{}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for range receivers {
		all.Go(func() {
			for {
				m, err := s.receive(ctx, q, true, patience)
				if ctx.Err() != nil {
					return // all came
				}
				if err != nil || m == nil {
					failures <- err
					return
				}
				mu.Lock()
				seen[string(m.Body)]++
				if len(seen) == senders*each {
					cancel()
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	close(failures)
	for err := range failures {
		if err != nil {
			t.Error(err)
		}
	}
	for body, times := range seen {
		if times != 1 {
			t.Errorf("%s was received %d times", body, times)
		}
	}
	if len(seen) != senders*each {
		t.Errorf("%d of %d messages came", len(seen), senders*each)
	}
}

func TestPeriods(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"PT1M": time.Minute, "P1DT2H3M4.5S": 26*time.Hour + 3*time.Minute + 4500*time.Millisecond, "P14D": 14 * 24 * time.Hour, "P10675199DT2H48M5.4775807S": 2 * century,
	} {
		if got, err := parsePeriod(text); err != nil || got != want {
			t.Errorf("%s: %v %v", text, got, err)
		}
	}
	for _, text := range []string{"", "P", "1M", "PT", "PT1", "P1Y", "PT-1M"} {
		if got, err := parsePeriod(text); err == nil && text != "PT" {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func FuzzPeriod(f *testing.F) {
	for _, seed := range []string{"PT1M", "P1DT2H3M4.5S", "P10675199DT2H48M5.4775807S", "PT99999999999999999999S"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if got, err := parsePeriod(text); err == nil && got < 0 {
			t.Errorf("%q: %v", text, got)
		}
	})
}

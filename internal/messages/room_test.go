package messages

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

// TestReceiversThatWaitLookOneAtATime: a hundred of them must not each read the whole
// queue, again with each message that comes or is taken.
func TestReceiversThatWaitLookOneAtATime(t *testing.T) {
	s, _, q := newBroker(t)
	const receivers, held = 60, 200
	locked := make([]Message, held)
	for i := range locked {
		locked[i] = Message{Body: []byte("held")}
	}
	put(t, s, q, locked...)
	if got := len(s.bodies(t, q, true)); got != held {
		t.Fatalf("%d messages are held", got)
	}
	var got sync.Map
	var done sync.WaitGroup
	for range receivers {
		done.Go(func() {
			m, err := s.receive(t.Context(), q, true, patience)
			if err != nil || m == nil {
				t.Errorf("a receiver got %v, %v", m, err)
				return
			}
			if _, twice := got.LoadOrStore(string(m.Body), true); twice {
				t.Errorf("%s was given out twice", m.Body)
			}
		})
	}
	for i := range receivers {
		put(t, s, q, Message{Body: fmt.Append(nil, i)})
	}
	done.Wait()
	s.rooms.mu.Lock()
	defer s.rooms.mu.Unlock()
	if len(s.rooms.of) > 0 {
		t.Error("a room is open although nobody waits")
	}
}

// TestWhatWasPassedOverIsNotReadAgain reads the marks of a room.
func TestWhatWasPassedOverIsNotReadAgain(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	r := &room{}
	behind, freed := r.begin(now)
	if behind != 0 {
		t.Errorf("the first one looks behind %d", behind)
	}
	r.end(look{100, time.Minute}, freed, now)
	if behind, _ := r.begin(now.Add(time.Second)); behind != 100 {
		t.Errorf("the next one looks behind %d", behind)
	}
	if r.isDue(now.Add(59*time.Second)) || !r.isDue(now.Add(time.Minute)) {
		t.Error("locks end after a minute")
	}
	r.later(&Message{Due: now, Locked: now.Add(10 * time.Second)}, now)
	if !r.isDue(now.Add(10 * time.Second)) {
		t.Error("a new lock ends after ten seconds")
	}
	_, freed = r.begin(now)
	r.forget() // one was given back while somebody looked
	r.end(look{100, time.Minute}, freed, now)
	if behind, _ := r.begin(now); behind != 0 {
		t.Errorf("after a message came free they look behind %d", behind)
	}
	_, freed = r.begin(now)
	r.later(&Message{Due: now.Add(5 * time.Second)}, now) // one came while somebody looked
	r.end(look{100, time.Minute}, freed, now)
	if !r.isDue(now.Add(5 * time.Second)) {
		t.Error("a message that is due in five seconds isn't looked at then")
	}
}

// TestGivenBackMessagesReachWhoWaits: also one far in front of those that were looked at last.
func TestGivenBackMessagesReachWhoWaits(t *testing.T) {
	s, _, q := newBroker(t)
	put(t, s, q, Message{Body: []byte("first")}, Message{Body: []byte("second")})
	first, err := s.receive(t.Context(), q, true, 0)
	if err != nil || first == nil {
		t.Fatal(first, err)
	}
	if _, err := s.receive(t.Context(), q, true, 0); err != nil {
		t.Fatal(err)
	}
	came := make(chan string, 1)
	go func() {
		m, err := s.receive(t.Context(), q, true, patience)
		if err != nil || m == nil {
			came <- fmt.Sprint(m, err)
			return
		}
		came <- string(m.Body)
	}()
	for waiting := 0; waiting == 0; time.Sleep(time.Millisecond) {
		s.rooms.mu.Lock()
		waiting = len(s.rooms.of)
		s.rooms.mu.Unlock()
	}
	if ok, err := s.settle(t.Context(), q, fmt.Sprint(first.Number), first.Lock, func(m *Message) bool { m.Lock, m.Locked = "", time.Time{}; return true }); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if got := <-came; got != "first" {
		t.Errorf("the one who waits got %q", got)
	}
}

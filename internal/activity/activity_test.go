package activity_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/lanyard-project/lanyard/internal/activity"
	"github.com/lanyard-project/lanyard/internal/store"
	"github.com/lanyard-project/lanyard/internal/store/storetest"
)

// kept is a log over a store of its own whose clock stands still: nothing is
// written because time has passed.
func kept(t *testing.T) *activity.Log {
	t.Helper()
	return keptIn(t, storetest.New(t))
}

func keptIn(t *testing.T, s *store.Store) *activity.Log {
	t.Helper()
	log := activity.New(s, clocktesting.NewFakeClock(noon), slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context())) // the cleanup waits for its end
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = log.Run(ctx) // ends with ctx alone
	}()
	t.Cleanup(func() { cancel(); <-ended })
	return log
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// listed are the resources of the events, the newest first.
func listed(t *testing.T, log *activity.Log, subscription string) []string {
	t.Helper()
	events, err := log.List(t.Context(), activity.Query{
		Subscription: subscription, From: noon.Add(-time.Hour), To: noon.Add(time.Hour), Limit: 10000, Match: func(activity.Event) bool { return true },
	})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range events {
		names = append(names, e.Resource)
	}
	return names
}

// Regression: a list right after a write lacked it until the next tick.
func TestListShowsWhatWasAddedBeforeIt(t *testing.T) {
	log := kept(t)
	if got := listed(t, log, "s"); len(got) != 0 {
		t.Fatalf("an empty log shows %v", got)
	}
	for i := range 20 {
		log.Add(activity.Event{Time: noon.Add(time.Duration(i) * time.Second), Subscription: "S", Resource: fmt.Sprint("r", i)})
		log.Add(activity.Event{Time: noon, Subscription: "other", Resource: "elsewhere"})
		if got := listed(t, log, "s"); len(got) != i+1 || got[0] != fmt.Sprint("r", i) {
			t.Fatalf("after %d events: %v", i+1, got)
		}
	}
}

func TestListShowsManyThatWait(t *testing.T) {
	log := kept(t)
	const many = 3000
	for i := range many {
		log.Add(activity.Event{Time: noon, Subscription: "s", Resource: fmt.Sprint("r", i)})
	}
	if got := listed(t, log, "s"); len(got) != many {
		t.Errorf("%d of %d events", len(got), many)
	}
}

// A write whose answer is lost is tried again, and then the same events are in two items.
func TestListShowsOnceWhatIsThereTwice(t *testing.T) {
	s := storetest.New(t)
	log := keptIn(t, s)
	for i := range 3 {
		log.Add(activity.Event{Time: noon, Subscription: "s", Resource: fmt.Sprint("r", i)})
	}
	if got := listed(t, log, "s"); len(got) != 3 {
		t.Fatalf("%v, want three", got)
	}
	page, err := s.List(t.Context(), "/lanyard/activity/", store.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, item := range page.Items {
		if _, err := s.Txn(t.Context(), nil, []store.Op{store.Put(item.Key+"-again", item.Value)}); err != nil {
			t.Fatal(err)
		}
	}
	if got := listed(t, log, "s"); len(got) != 3 {
		t.Errorf("%v, want each once", got)
	}
}

func TestListAfterTheEndShowsWhatWasWritten(t *testing.T) {
	log := activity.New(storetest.New(t), clocktesting.NewFakeClock(noon), slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = log.Run(ctx) // ends with ctx alone
	}()
	log.Add(activity.Event{Time: noon, Subscription: "s", Resource: "last"})
	cancel()
	<-ended
	log.Add(activity.Event{Time: noon, Subscription: "s", Resource: "too late"})
	if got := listed(t, log, "s"); len(got) != 1 || got[0] != "last" {
		t.Errorf("%v", got)
	}
}

// Regression: events that were written more than a minute late, as while the store
// was down, were missing from lists of their own time.
func TestListShowsWhatWasWrittenLate(t *testing.T) {
	log := kept(t)
	late := noon.Add(-30 * time.Minute) // the clock, and so the writing, is at noon
	log.Add(activity.Event{Time: late, Subscription: "s", Resource: "first"})
	log.Add(activity.Event{Time: late.Add(30 * time.Second), Subscription: "s", Resource: "second"})
	log.Add(activity.Event{Time: late.Add(5 * time.Minute), Subscription: "s", Resource: "third"})
	log.Add(activity.Event{Time: late.Add(-time.Minute), Subscription: "s", Resource: "before"})
	within := func(from, to time.Duration) []string {
		t.Helper()
		events, err := log.List(t.Context(), activity.Query{
			Subscription: "s", From: late.Add(from), To: late.Add(to), Limit: 10, Match: func(activity.Event) bool { return true },
		})
		if err != nil {
			t.Fatal(err)
		}
		names := []string{}
		for _, e := range events {
			names = append(names, e.Resource)
		}
		return names
	}
	for _, c := range []struct {
		from, to time.Duration
		want     []string
	}{
		{0, time.Minute, []string{"second", "first"}},
		{time.Second, time.Minute, []string{"second"}},
		{-time.Hour, 0, []string{"first", "before"}},
		{4 * time.Minute, time.Hour, []string{"third"}},
		{10 * time.Minute, time.Hour, []string{}},
	} {
		if diff := cmp.Diff(c.want, within(c.from, c.to)); diff != "" {
			t.Errorf("from %v to %v: %s", c.from, c.to, diff)
		}
	}
}

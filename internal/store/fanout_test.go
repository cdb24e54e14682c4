package store_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/store"
	"github.com/lanyard-project/lanyard/internal/store/storetest"
)

// next takes so many events.
func next(t *testing.T, events <-chan store.Event, n int) []store.Event {
	t.Helper()
	var got []store.Event
	deadline := time.After(2 * time.Minute)
	for len(got) < n {
		select {
		case e, ok := <-events:
			if !ok {
				t.Fatalf("the watch ended after %d events, want %d", len(got), n)
			}
			got = append(got, e)
		case <-deadline:
			t.Fatalf("%d events came, want %d", len(got), n)
		}
	}
	return got
}

func changed(key, value string, revision int64) store.Event {
	return store.Event{Type: store.EventPut, Item: store.Item{Key: key, Value: []byte(value), Revision: revision}}
}

func TestWatchesOfAFollowedPartShareOne(t *testing.T) {
	s, endpoint := storetest.NewShared(t)
	theirs := other(t, endpoint)
	before := put(t, s, "/a/before", "0")
	following(t, s)
	narrow, all := s.Watch(t.Context(), "/a/x/", before), s.Watch(t.Context(), "/a/", 0)
	if n := s.Listeners("/a/"); n != 2 {
		t.Fatalf("%d watches are fed from memory, want 2", n)
	}
	one := put(t, s, "/a/x/1", "1")
	put(t, s, "/b/elsewhere", "")
	two := put(t, theirs, "/a/y", "2")
	gone, err := theirs.Txn(t.Context(), nil, []store.Op{store.Delete("/a/x/1")})
	if err != nil {
		t.Fatal(err)
	}
	deleted := store.Event{Type: store.EventDelete, Item: store.Item{Key: "/a/x/1", Revision: gone}}
	if diff := cmp.Diff([]store.Event{changed("/a/x/1", "1", one), changed("/a/y", "2", two), deleted}, next(t, all, 3)); diff != "" {
		t.Errorf("all: %s", diff)
	}
	if diff := cmp.Diff([]store.Event{changed("/a/x/1", "1", one), deleted}, next(t, narrow, 2)); diff != "" {
		t.Errorf("below a prefix: %s", diff)
	}
	// What a watch tells of, memory has.
	if item, err := s.Get(t.Context(), "/a/y"); err != nil || item.Revision != two {
		t.Errorf("%+v, %v", item, err)
	}
}

// TestAWatchBeginsWhereAListEnded: from what is remembered, and from etcd when that
// is too long ago. Nothing is missing and nothing comes twice.
func TestAWatchBeginsWhereAListEnded(t *testing.T) {
	s := storetest.New(t)
	following(t, s)
	page, err := s.List(t.Context(), "/a/", store.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var want []store.Event
	write := func(n int) {
		t.Helper()
		for range n {
			key := fmt.Sprintf("/a/%05d", len(want))
			want = append(want, changed(key, "v", put(t, s, key, "v")))
		}
	}
	write(10)
	seen := s.Watch(t.Context(), "/a/", 0)
	next(t, s.Watch(t.Context(), "/a/", page.Revision), 10) // all have come
	ctx, stop := context.WithCancel(t.Context())
	recent := s.Watch(ctx, "/a/", want[4].Item.Revision)
	if n := s.Listeners("/a/"); n != 3 {
		t.Errorf("%d watches are fed from memory, want 3", n)
	}
	if diff := cmp.Diff(want[5:], next(t, recent, 5)); diff != "" {
		t.Error(diff)
	}
	stop()
	for range recent { // closed when it has ended
	}
	for range 4 { // in few transactions, as a busy machine takes long for many
		var ops []store.Op
		for n := range store.Remembered / 2 {
			key := fmt.Sprintf("/a/%05d", len(want)+n)
			ops = append(ops, store.Put(key, []byte("v")))
		}
		revision, err := s.Txn(t.Context(), nil, ops)
		if err != nil {
			t.Fatal(err)
		}
		for range ops {
			want = append(want, changed(fmt.Sprintf("/a/%05d", len(want)), "v", revision))
		}
	}
	for e := range seen {
		if e.Item.Key == want[len(want)-1].Item.Key {
			break
		}
	}
	listening := s.Listeners("/a/")
	if diff := cmp.Diff(want, next(t, s.Watch(t.Context(), "/a/", page.Revision), len(want))); diff != "" {
		t.Error(diff)
	}
	if n := s.Listeners("/a/"); n != listening {
		t.Errorf("a watch that begins too long ago is fed from memory")
	}
}

func TestWatchesEndWithWhatTheyAreFedFrom(t *testing.T) {
	s := storetest.New(t)
	ctx, stop := context.WithCancel(t.Context())
	done, err := s.Follow(ctx, "/a/", clock.RealClock{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	events := s.Watch(t.Context(), "/a/", 0)
	stop()
	<-done
	if last := next(t, events, 1)[0]; last.Type != store.EventError || last.Err == nil {
		t.Errorf("%+v", last)
	}
	if e, ok := <-events; ok {
		t.Errorf("an event after the last: %+v", e)
	}
	again := s.Watch(t.Context(), "/a/", 1) // of etcd
	revision := put(t, s, "/a/x", "1")
	if diff := cmp.Diff([]store.Event{changed("/a/x", "1", revision)}, next(t, again, 1)); diff != "" {
		t.Error(diff)
	}
}

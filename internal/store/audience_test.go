package store

import (
	"errors"
	"fmt"
	"testing"
)

// TestAWatchThatNobodyReadsEnds: it holds up nobody, and takes no memory without end,
// be it many changes or large ones.
func TestAWatchThatNobodyReadsEnds(t *testing.T) {
	for what, c := range map[string]struct{ changes, size int }{
		"many":  {mostWaiting + 1, 0},
		"large": {100, mostBytesWaiting / 8},
	} {
		t.Run(what, func(t *testing.T) {
			var a audience
			a.begin(0)
			idle, ok := a.join(t.Context(), "/a/", 0)
			if !ok {
				t.Fatal("no watch begins")
			}
			value := make([]byte, c.size)
			many := make([]Event, c.changes)
			for i := range many {
				many[i] = Event{Type: EventPut, Item: Item{Key: fmt.Sprint("/a/", i), Value: value, Revision: int64(i + 1)}}
			}
			// The first ones may be on their way to the reader already.
			a.tell(many[:cap(idle)])
			for range 3 {
				a.tell(many)
			}
			var last Event
			for last = range idle {
			}
			if last.Type != EventError || !errors.Is(last.Err, errBehind) {
				t.Errorf("it ended with %+v", last)
			}
			a.end(errWatchEnded)
		})
	}
}

// TestFewLargeChangesAreRemembered: what is kept for watches that begin in the past is
// bounded in bytes as well. A watch that begins before it is told to ask etcd.
func TestFewLargeChangesAreRemembered(t *testing.T) {
	var a audience
	a.begin(0)
	large := make([]byte, mostBytes/8)
	for revision := range int64(100) {
		a.tell([]Event{{Type: EventPut, Item: Item{Key: "/a/large", Value: large, Revision: revision + 1}}})
		kept := 0
		for _, e := range a.past {
			kept += len(e.Item.Value)
		}
		if kept > mostBytes || kept != a.bytes {
			t.Fatalf("%d bytes are kept, %d counted", kept, a.bytes)
		}
	}
	if _, ok := a.join(t.Context(), "/a/", a.since-1); ok || a.since < 90 {
		t.Errorf("a watch begins before what is remembered, which is what came after %d", a.since)
	}
	recent, ok := a.join(t.Context(), "/a/", a.since)
	if !ok {
		t.Fatal("no watch begins with what is remembered")
	}
	a.end(errWatchEnded)
	revision := a.since
	for e := range recent {
		if revision++; e.Type != EventError && e.Item.Revision != revision {
			t.Errorf("%d came, want %d", e.Item.Revision, revision)
		}
	}
	if revision != 101 { // the last event is the error
		t.Errorf("the last change was %d", revision-1)
	}
}

package store

import (
	"errors"
	"fmt"
	"testing"
)

// TestAWatchThatNobodyReadsEnds: it holds up nobody, and takes no memory without end.
func TestAWatchThatNobodyReadsEnds(t *testing.T) {
	var a audience
	a.begin(0)
	idle, ok := a.join(t.Context(), "/a/", 0)
	if !ok {
		t.Fatal("no watch begins")
	}
	many := make([]Event, mostWaiting+1)
	for i := range many {
		many[i] = Event{Type: EventPut, Item: Item{Key: fmt.Sprint("/a/", i), Revision: int64(i + 1)}}
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
}

package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Watches of what is followed are fed from the one watch that follows it: etcd
// would send every change, and this process read it, once for each of them.
const (
	// remembered is how many changes a followed part keeps, and up to twice as many, for
	// watches that begin a little in the past. One that begins before them asks etcd.
	remembered = 1024
	// mostBytes is how much of that there is at most, where values are large: whoever
	// may write could have this process keep gigabytes otherwise.
	mostBytes = 32 << 20
	// mostWaiting and mostBytesWaiting are how much may wait for who doesn't take it:
	// then its watch ends with an error, as one that broke, and it lists again.
	mostWaiting      = 1 << 16
	mostBytesWaiting = 64 << 20
)

var errBehind = errors.New("too many changes were waiting to be taken")

// audience is who watches a followed part.
type audience struct {
	mu      sync.Mutex
	open    bool  // the part is complete and its watch goes on
	since   int64 // all changes after this revision that have come are in past
	past    []Event
	bytes   int // of the values in past
	watches map[*listener]struct{}
}

// begin takes watches of changes after the revision.
func (a *audience) begin(revision int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.open, a.since, a.watches = true, revision, map[*listener]struct{}{}
}

// tell passes changes on, the oldest first. It waits for nobody.
func (a *audience) tell(events []Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.open {
		return
	}
	a.past = append(a.past, events...)
	for _, e := range events {
		a.bytes += len(e.Item.Value)
	}
	if len(a.past) >= 2*remembered || a.bytes > mostBytes {
		a.forget()
	}
	for w := range a.watches {
		w.offer(events...)
	}
}

// forget drops the older half of the past, at least; the caller holds the lock.
func (a *audience) forget() {
	old := 0
	for ; len(a.past)-old > remembered || a.bytes > mostBytes/2; old++ {
		a.bytes -= len(a.past[old].Item.Value)
	}
	if old > 0 {
		a.since = a.past[old-1].Item.Revision
		a.past = slices.Clone(a.past[old:])
	}
}

// end tells all watches that theirs is over, and why.
func (a *audience) end(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.open, a.past, a.bytes = false, nil, 0
	for w := range a.watches {
		w.fail(err)
	}
	a.watches = nil
}

// join begins a watch, unless it would have to begin before what is remembered.
func (a *audience) join(ctx context.Context, prefix string, after int64) (<-chan Event, bool) {
	w := &listener{prefix: prefix, after: after, wake: make(chan struct{}, 1)}
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.open || after > 0 && after < a.since {
		return nil, false
	}
	if after > 0 {
		w.offer(a.past...)
	}
	a.watches[w] = struct{}{}
	events := make(chan Event, 64)
	go func() { // ends with ctx, or with the part's own watch
		defer close(events)
		defer a.leave(w)
		w.deliver(ctx, events)
	}()
	return events, true
}

func (a *audience) leave(w *listener) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.watches, w)
}

// listener is one watch.
type listener struct {
	prefix string
	after  int64
	wake   chan struct{}

	mu      sync.Mutex
	waiting []Event
	bytes   int // of the values in waiting
	over    bool
}

func (w *listener) offer(events ...Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over {
		return
	}
	before := len(w.waiting)
	for _, e := range events {
		if e.Item.Revision > w.after && strings.HasPrefix(e.Item.Key, w.prefix) {
			w.waiting = append(w.waiting, e)
			w.bytes += len(e.Item.Value)
		}
	}
	switch {
	case len(w.waiting) > mostWaiting || w.bytes > mostBytesWaiting:
		w.waiting = nil
		w.close(errBehind)
	case len(w.waiting) > before:
		w.signal()
	}
}

func (w *listener) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.over {
		w.close(err)
	}
}

// close makes an error the last event.
func (w *listener) close(err error) {
	w.over = true
	w.waiting = append(w.waiting, Event{Type: EventError, Err: fmt.Errorf("watching %s: %w", w.prefix, err)})
	w.signal()
}

func (w *listener) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *listener) take() (events []Event, over bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	events, w.waiting, w.bytes = w.waiting, nil, 0
	return events, w.over
}

func (w *listener) deliver(ctx context.Context, out chan<- Event) {
	for {
		events, over := w.take()
		for _, e := range events {
			select {
			case out <- e:
			case <-ctx.Done():
				return
			}
		}
		if over {
			return
		}
		select {
		case <-w.wake:
		case <-ctx.Done():
			return
		}
	}
}

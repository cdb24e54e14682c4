// Package changes tells level-based loops that something below a prefix of the
// store has changed: what they do then, they find out by reading.
//
// It stands on internal/store. It guarantees that after each change that matters
// there is a mark, also after an outage of the store; there may be more marks than
// changes, and several changes may be one mark.
package changes

import (
	"context"
	"time"

	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/store"
)

// retry is when a watch that ended is opened anew.
const retry = time.Second

// Follow marks changes until the context ends.
func Follow(ctx context.Context, s *store.Store, c clock.Clock, prefix string, matters func(key string) bool, mark func()) {
	for ctx.Err() == nil {
		for event := range s.Watch(ctx, prefix, 0) {
			if event.Type == store.EventError || matters(event.Item.Key) {
				mark()
			}
		}
		select {
		case <-ctx.Done():
		case <-c.After(retry):
			mark() // something may have happened meanwhile
		}
	}
}

// Marker is a mark that is kept until it is taken, however often it is made.
type Marker chan struct{}

// NewMarker makes one that is marked.
func NewMarker() Marker {
	m := make(Marker, 1)
	m.Mark()
	return m
}

// Mark marks it.
func (m Marker) Mark() {
	select {
	case m <- struct{}{}:
	default:
	}
}

// Await returns after a mark, once no more came for as long as settle, or after
// most; it reports whether the context goes on.
func (m Marker) Await(ctx context.Context, c clock.Clock, settle, most time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-c.After(most):
		return true
	case <-m:
	}
	select {
	case <-ctx.Done():
		return false
	case <-c.After(settle):
	}
	select {
	case <-m:
	default:
	}
	return true
}

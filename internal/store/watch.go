package store

import (
	"context"
	"fmt"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// EventType says what happened to an item.
type EventType int

// The kinds of event.
const (
	EventPut EventType = iota + 1
	EventDelete
	EventError // the last event: Err says why the watch ended
)

// Event is a change of one item. A deleted item has no value; its Revision is the deletion's.
type Event struct {
	Type EventType
	Item Item
	Err  error
}

// Watch delivers the changes that came after the given revision (as a Page names
// it), in order, to items whose keys start with the prefix. Revision 0 means from
// now on. The channel is closed after ctx is done, or after one EventError; with
// ErrCompacted the way on is to list again. Interrupted connections are resumed
// without loss.
func (s *Store) Watch(ctx context.Context, prefix string, after int64) <-chan Event {
	if f := s.holder(prefix); f != nil {
		if events, ok := f.audience.join(ctx, prefix, after); ok {
			return events
		}
	}
	options := []clientv3.OpOption{clientv3.WithPrefix()}
	if after > 0 {
		options = append(options, clientv3.WithRev(after+1))
	}
	// A member that was cut off from the others must say so instead of staying silent.
	changes := s.client.Watch(clientv3.WithRequireLeader(ctx), prefix, options...)
	events := make(chan Event, 64)
	go forward(ctx, prefix, changes, events)
	return events
}

func forward(ctx context.Context, prefix string, changes clientv3.WatchChan, events chan<- Event) {
	defer close(events)
	send := func(e Event) bool {
		select {
		case events <- e:
			return true
		case <-ctx.Done():
			return false
		}
	}
	for change := range changes {
		if err := change.Err(); err != nil {
			send(Event{Type: EventError, Err: fmt.Errorf("watching %s: %w", prefix, translate(err))})
			return
		}
		for _, e := range change.Events {
			if !send(eventOf(e)) {
				return
			}
		}
	}
	if ctx.Err() == nil {
		send(Event{Type: EventError, Err: fmt.Errorf("watching %s: %w", prefix, context.Canceled)})
	}
}

func eventOf(e *clientv3.Event) Event {
	event := Event{Type: EventPut, Item: Item{Key: string(e.Kv.Key), Value: e.Kv.Value, Revision: e.Kv.ModRevision}}
	if e.Type == clientv3.EventTypeDelete {
		event.Type, event.Item.Value = EventDelete, nil
	}
	return event
}

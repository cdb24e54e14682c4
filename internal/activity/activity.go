// Package activity is the log of what was done in subscriptions: every write
// that was asked for, by whom, and how it ended. It stands above the store and
// below the pipeline that fills it and the provider that shows it.
//
// Events are kept in etcd, so that every replica shows the same log, many to an
// item, so that a log of all writes costs a fraction of the writes. They are
// written within FlushEvery, and before a list that is asked of the same process:
// who writes and then lists sees what he wrote. Other replicas show it FlushEvery
// later. A process that is killed loses what it had not written yet, which is in
// its record file all the same. The log is bounded by age and by size, the oldest
// events go first.
package activity

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/store"
)

// FlushEvery is for how long events wait for company.
const FlushEvery = 100 * time.Millisecond

const (
	prefix = "/lanyard/activity/"
	queue  = 8192
	batch  = 256
	// retention and maxItems bound the log: as long as Azure keeps it, and at most
	// some hundred megabytes.
	retention  = 90 * 24 * time.Hour
	maxItems   = 20000
	pruneEvery = 10 * time.Minute
)

// What became of what was asked for.
const (
	Succeeded = "Succeeded"
	Accepted  = "Accepted" // an operation began, whose end is an event of its own
	Failed    = "Failed"
)

// Event is one line of the log. It holds no token and no body.
type Event struct {
	ID            string    `json:"id"`
	Time          time.Time `json:"time"`
	TenantID      string    `json:"tenantId,omitempty"`
	Subscription  string    `json:"subscription"`
	Resource      string    `json:"resource"`
	Action        string    `json:"action"`
	Method        string    `json:"method,omitempty"`
	Caller        string    `json:"caller,omitempty"`
	CallerID      string    `json:"callerId,omitempty"` // object ID
	CallerApp     string    `json:"callerApp,omitempty"`
	CorrelationID string    `json:"correlationId,omitempty"`
	RequestID     string    `json:"requestId,omitempty"`
	Operation     string    `json:"operation,omitempty"`
	Assignment    string    `json:"assignment,omitempty"` // that allowed it
	Status        string    `json:"status"`
	HTTPStatus    int       `json:"httpStatus,omitempty"`
	Code          string    `json:"code,omitempty"` // of an error
}

// Log keeps events.
type Log struct {
	store  *store.Store
	clock  clock.WithTicker
	log    *slog.Logger
	events chan Event
	lists  chan chan<- struct{} // lists that wait for what was added before them
	done   chan struct{}
}

// New returns a log; Run writes it.
func New(s *store.Store, clk clock.WithTicker, log *slog.Logger) *Log {
	return &Log{store: s, clock: clk, log: log, events: make(chan Event, queue), lists: make(chan chan<- struct{}), done: make(chan struct{})}
}

// Add takes an event. It waits when the log is far behind, so that a caller can't
// outrun it; after Run has ended it drops the event.
func (l *Log) Add(e Event) {
	if e.ID == "" {
		e.ID = uuid.NewString()
	}
	select {
	case l.events <- e:
	case <-l.done:
	}
}

// Run writes events and removes old ones until ctx ends; then it writes what is
// waiting.
func (l *Log) Run(ctx context.Context) error {
	defer close(l.done)
	flush, prune := l.clock.NewTicker(FlushEvery), l.clock.NewTicker(pruneEvery)
	defer flush.Stop()
	defer prune.Stop()
	var waiting []Event
	for {
		select {
		case e := <-l.events:
			if waiting = append(waiting, e); len(waiting) >= batch {
				waiting = l.write(ctx, waiting)
			}
		case <-flush.C():
			waiting = l.write(ctx, waiting)
		case written := <-l.lists:
			waiting = l.write(ctx, l.all(waiting))
			close(written)
		case <-prune.C():
			if err := l.prune(ctx); err != nil {
				l.log.Warn("removing old events of the activity log", "error", err)
			}
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
			defer cancel()
			l.write(last, l.all(waiting))
			return ctx.Err()
		}
	}
}

// all are the events that wait, with those that nobody has taken yet.
func (l *Log) all(waiting []Event) []Event {
	for len(l.events) > 0 {
		waiting = append(waiting, <-l.events)
	}
	return waiting
}

// flush returns once everything that was added before it is written, or could not be.
func (l *Log) flush(ctx context.Context) {
	written := make(chan struct{})
	select {
	case l.lists <- written:
	case <-l.done:
		return
	case <-ctx.Done():
		return
	}
	select {
	case <-written:
	case <-ctx.Done():
	}
}

// write writes the events, batch by batch, and returns what is left.
func (l *Log) write(ctx context.Context, events []Event) []Event {
	written := 0
	for some := range slices.Chunk(events, batch) {
		err := l.writeBatch(ctx, some)
		if err != nil && len(events)-written < queue {
			l.log.Warn("writing the activity log, trying again", "events", len(events)-written, "error", err)
			return slices.Delete(events, 0, written)
		}
		if err != nil {
			l.log.Error("events of the activity log are lost", "events", len(some), "error", err)
		}
		written += len(some)
	}
	return events[:0]
}

// writeBatch writes events, an item for those of a subscription that are of one time.
func (l *Log) writeBatch(ctx context.Context, events []Event) error {
	bySubscription := map[string][]Event{}
	for _, e := range events {
		key := strings.ToLower(e.Subscription)
		bySubscription[key] = append(bySubscription[key], e)
	}
	var ops []store.Op
	for subscription, all := range bySubscription {
		for _, some := range spans(all) {
			raw, err := json.Marshal(some)
			if err != nil {
				l.log.Error("encoding the activity log", "error", err)
				continue
			}
			ops = append(ops, store.Put(itemKey(subscription, some[0].Time)+"-"+uuid.NewString()[:8], raw))
		}
	}
	_, err := l.store.Txn(ctx, nil, ops)
	return err
}

// spans parts events by time, so that none is further than slack from the first of
// its item, under whose time the item is found: also those that were written late.
func spans(events []Event) [][]Event {
	events = slices.SortedStableFunc(slices.Values(events), func(a, b Event) int { return a.Time.Compare(b.Time) })
	var out [][]Event
	for first, i := 0, 1; i <= len(events); i++ {
		if i == len(events) || events[i].Time.Sub(events[first].Time) > slack {
			out = append(out, events[first:i])
			first = i
		}
	}
	return out
}

// itemKey sorts by time.
func itemKey(subscription string, at time.Time) string {
	return prefix + subscription + "/" + fmt.Sprintf("%019d", at.UnixNano())
}

// Query picks events.
type Query struct {
	Subscription string
	From, To     time.Time
	Match        func(Event) bool
	Limit        int
}

// slack is by how much an event may be younger than its item says. By as much items
// of earlier releases, which said when they were written, are older.
const slack = time.Minute

// List returns events, the newest first, at most Limit of them. Every event that
// was added before is among those that it looks at.
func (l *Log) List(ctx context.Context, q Query) ([]Event, error) {
	l.flush(ctx)
	subscription := strings.ToLower(q.Subscription)
	after, end := itemKey(subscription, q.From.Add(-slack)), itemKey(subscription, q.To.Add(slack))
	var out []Event
	for {
		page, err := l.store.List(ctx, prefix+subscription+"/", store.ListOptions{After: after, Limit: 200})
		if err != nil {
			return nil, fmt.Errorf("reading the activity log: %w", err)
		}
		for _, item := range page.Items {
			after = item.Key
			if item.Key > end {
				page.More = false
				break
			}
			var some []Event
			if err := json.Unmarshal(item.Value, &some); err != nil {
				return nil, fmt.Errorf("reading the activity log: %w", err)
			}
			for _, e := range some {
				if !e.Time.Before(q.From) && !e.Time.After(q.To) && q.Match(e) {
					out = append(out, e)
				}
			}
		}
		if !page.More {
			break
		}
	}
	slices.SortFunc(out, func(a, b Event) int {
		if c := b.Time.Compare(a.Time); c != 0 {
			return c
		}
		return strings.Compare(b.ID, a.ID)
	})
	// Events whose writing was tried again, its answer being lost, are there twice.
	out = slices.CompactFunc(out, func(a, b Event) bool { return a.ID == b.ID && a.Time.Equal(b.Time) })
	return out[:min(len(out), q.Limit)], nil
}

// prune removes what is too old, and the oldest of what is too much.
func (l *Log) prune(ctx context.Context) error {
	page, err := l.store.List(ctx, prefix, store.ListOptions{KeysOnly: true})
	if err != nil {
		return err
	}
	oldest := fmt.Sprintf("%019d", l.clock.Now().Add(-retention).UnixNano())
	var keys []string
	for _, item := range page.Items {
		keys = append(keys, item.Key)
	}
	age := func(key string) string { return key[strings.LastIndexByte(key, '/')+1:] }
	slices.SortFunc(keys, func(a, b string) int { return strings.Compare(age(a), age(b)) })
	var ops []store.Op
	for i, key := range keys {
		if age(key) >= oldest && len(keys)-i <= maxItems {
			break
		}
		if ops = append(ops, store.Delete(key)); len(ops) == store.MaxOps/2 {
			if _, err := l.store.Txn(ctx, nil, ops); err != nil {
				return err
			}
			ops = ops[:0]
		}
	}
	if len(ops) == 0 {
		return nil
	}
	_, err = l.store.Txn(ctx, nil, ops)
	return err
}

package ops

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/lanyard-project/lanyard/internal/store"
)

const (
	// keepFor is how long the record of an ended operation can be read.
	keepFor = 24 * time.Hour
	// sweepEvery is how often older records are looked for.
	sweepEvery = time.Hour
	// reconnect is the wait before a session that broke is begun anew.
	reconnect = time.Second
)

// Run works on operations until ctx is done, then returns when all steps have.
// Any number of processes can run it over the same store.
func (e *Engine) Run(ctx context.Context) error {
	if e.alone {
		if err := e.bury(ctx); err != nil && ctx.Err() == nil {
			e.log.Warn("taking over the operations of the process before: they wait for its lease", "error", err)
		}
	}
	for ctx.Err() == nil {
		if err := e.session(ctx); err != nil && ctx.Err() == nil {
			e.log.Error("working on operations", "error", err)
			select {
			case <-e.clock.After(reconnect):
			case <-ctx.Done():
			}
		}
	}
	return nil
}

// bury takes its operations from a process that can't live any more. What it may
// have under way in the store is fenced off by the owner's key that it no longer has.
func (e *Engine) bury(ctx context.Context) error {
	page, err := e.store.List(ctx, ownerPrefix, store.ListOptions{})
	if err != nil {
		return err
	}
	for _, item := range page.Items {
		_, err := e.store.Txn(ctx, []store.Cond{store.Unchanged(item.Key, item.Revision)}, []store.Op{store.Delete(item.Key)})
		if err != nil && !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
	return nil
}

// session holds one lease and works until it is lost or ctx is done.
func (e *Engine) session(parent context.Context) error {
	// The lease outlives parent, so that owners are released only after their steps returned.
	ctx, stop := context.WithCancel(context.WithoutCancel(parent))
	defer stop()
	lease, err := e.store.NewLease(ctx, e.ttl)
	if err != nil {
		return err
	}
	w := &worker{engine: e, lease: lease, pending: map[string]*Record{}, running: map[string]context.CancelFunc{}, finished: make(chan ended), stopped: make(chan struct{})}
	err = w.work(parent)
	if parent.Err() != nil {
		err = nil
	}
	w.stopAll()
	if releaseErr := lease.Release(ctx); releaseErr != nil && err == nil && parent.Err() == nil {
		err = releaseErr
	}
	return err
}

// ended is a run that has returned. err says that its owner's key may still be
// there, so that nobody could take the operation up as long as we hold the lease.
type ended struct {
	id  string
	err error
}

// worker is the state of one session. Only the goroutine of work uses it.
type worker struct {
	engine   *Engine
	lease    *store.Lease
	pending  map[string]*Record // in progress, as last seen
	running  map[string]context.CancelFunc
	finished chan ended
	stopped  chan struct{} // closed when work has returned
	runs     sync.WaitGroup
}

func (w *worker) work(ctx context.Context) error {
	e := w.engine
	page, err := e.store.List(ctx, recordPrefix, store.ListOptions{})
	if err != nil {
		return err
	}
	watching, stop := context.WithCancel(ctx)
	defer stop()
	records := e.store.Watch(watching, recordPrefix, page.Revision)
	owners := e.store.Watch(watching, ownerPrefix, page.Revision)
	sweep := e.clock.After(sweepEvery)

	for _, item := range page.Items {
		w.see(item)
	}
	if err := w.claimAll(ctx); err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-w.lease.Lost():
			return errors.New("the lease was lost")
		case event, ok := <-records:
			if !ok || event.Type == store.EventError {
				return fmt.Errorf("watching operations: %w", event.Err)
			}
			if event.Type == store.EventPut {
				if id := w.see(event.Item); id != "" {
					if err := w.claim(ctx, id); err != nil {
						return err
					}
				}
			}
		case event, ok := <-owners:
			if !ok || event.Type == store.EventError {
				return fmt.Errorf("watching owners: %w", event.Err)
			}
			if event.Type == store.EventDelete {
				if err := w.claimAll(ctx); err != nil {
					return err
				}
			}
		case run := <-w.finished:
			delete(w.running, run.id)
			if run.err != nil {
				return run.err
			}
			if w.pending[run.id] != nil {
				if err := w.claim(ctx, run.id); err != nil {
					return err
				}
			}
		case <-sweep:
			sweep = e.clock.After(sweepEvery)
			if err := e.sweep(ctx); err != nil {
				e.log.Error("removing old operations", "error", err)
			}
		}
	}
}

// see takes a record's new state in, and returns its ID when it may be claimed.
func (w *worker) see(item store.Item) string {
	record, err := decodeRecord(item.Value, item.Revision)
	if err != nil {
		w.engine.log.Error("reading an operation", "key", item.Key, "error", err)
		return ""
	}
	if record.Done() {
		delete(w.pending, record.ID)
		if cancel := w.running[record.ID]; cancel != nil {
			cancel()
		}
		return ""
	}
	w.pending[record.ID] = record
	return record.ID
}

func (w *worker) claimAll(ctx context.Context) error {
	for id := range w.pending {
		if err := w.claim(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// claim takes an operation up unless somebody owns it, or the one before it.
// Whoever loses the race hears of the owner's end by the watch. An error means
// that nobody knows whether the operation is ours now: only a new session, whose
// beginning gives up all that the lease has, makes that sure.
func (w *worker) claim(ctx context.Context, id string) error {
	if w.running[id] != nil {
		return nil
	}
	record := *w.pending[id]
	record.Tries++
	raw, err := record.encode()
	if err != nil {
		w.engine.log.Error("claiming an operation", "operation", id, "error", err)
		return nil
	}
	conds := []store.Cond{store.Absent(record.ownerKey()), store.Unchanged(record.key(), record.revision)}
	if record.Previous != "" {
		conds = append(conds, store.Absent(ownerPrefix+record.Previous))
	}
	revision, err := w.engine.store.Txn(ctx, conds, []store.Op{
		store.Put(record.key(), raw), store.PutLeased(record.ownerKey(), []byte(record.ID), w.lease),
	})
	if errors.Is(err, store.ErrConflict) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("claiming operation %s: %w", id, err)
	}
	record.revision = revision
	running, cancel := context.WithCancel(ctx)
	w.running[id] = cancel
	w.runs.Go(func() {
		defer cancel()
		x := newRun(w.engine, &record, revision)
		done := x.run(running)
		err := x.giveUp(ctx)
		if !done && err == nil {
			// Without an end and not cancelled: not again at once what has just failed.
			select {
			case <-w.engine.clock.After(reconnect):
			case <-running.Done():
			}
		}
		select {
		case w.finished <- ended{id, err}:
		case <-w.stopped:
		}
	})
	return nil
}

func (w *worker) stopAll() {
	close(w.stopped)
	for _, cancel := range w.running {
		cancel()
	}
	w.runs.Wait()
}

// sweep removes the records of operations that ended long ago.
func (e *Engine) sweep(ctx context.Context) error {
	page, err := e.store.List(ctx, recordPrefix, store.ListOptions{})
	if err != nil {
		return err
	}
	for _, item := range page.Items {
		record, err := decodeRecord(item.Value, item.Revision)
		if err != nil || !record.Done() || e.clock.Since(record.End) < keepFor || !strings.HasPrefix(item.Key, recordPrefix) {
			continue
		}
		_, err = e.store.Txn(ctx, []store.Cond{store.Unchanged(item.Key, item.Revision)}, []store.Op{store.Delete(item.Key)})
		if err != nil && !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
	return nil
}

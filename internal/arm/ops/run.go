package ops

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/store"
)

const (
	firstWait       = 100 * time.Millisecond
	longestWait     = 5 * time.Second
	defaultPatience = 2 * time.Minute
	// cleanUp bounds a plan's Failed.
	cleanUp = 5 * time.Minute
)

// errFenced says that the operation isn't ours any more: cancelled, or taken over.
var errFenced = errors.New("the operation was cancelled or taken over")

// run is one operation being worked on.
type run struct {
	engine   *Engine
	log      *slog.Logger
	ownerRev int64

	mu     sync.Mutex // held for each write, which the record's revision guards
	record *Record
}

func newRun(e *Engine, record *Record, ownerRev int64) *run {
	return &run{
		engine: e, record: record, ownerRev: ownerRev,
		log: e.log.With("operation", record.ID, "resource", record.Resource, "plan", record.Plan),
	}
}

// run does what is left of the plan and ends the operation. It reports whether
// there is nothing left to do.
func (x *run) run(ctx context.Context) bool {
	id, err := x.record.ResourceID()
	if err != nil {
		x.log.Error("reading an operation", "error", err)
		return false
	}
	plan, err := x.plan()
	if err != nil {
		return x.finish(ctx, id, rest.AsError(err))
	}
	r := providers.NewRun(providers.Run{
		Operation: x.record.ID, ID: id, Caller: x.record.Caller, Args: x.record.Args, Log: x.log,
		Resources: fenced{x}, SaveData: x.saveData,
	}, x.record.Data)
	x.log.Info("operation runs", "step", x.record.Step, "tries", x.record.Tries)
	for x.record.Step < len(plan.Steps) {
		if failure := x.step(ctx, plan.Steps[x.record.Step], r); failure != nil {
			if ctx.Err() != nil || errors.Is(failure, errFenced) {
				return false
			}
			return x.fail(ctx, plan, r, id, failure)
		}
		if err := x.save(ctx, func(record *Record) { record.Step++ }); err != nil {
			x.interrupted(ctx, err)
			return false
		}
	}
	return x.finish(ctx, id, nil)
}

func (x *run) plan() (providers.Plan, error) {
	if x.record.Plan == "" {
		return providers.Plan{}, nil
	}
	if t := x.engine.registry.Find(x.record.Type); t != nil {
		for _, p := range t.Plans {
			if p.Name == x.record.Plan {
				return p, nil
			}
		}
	}
	return providers.Plan{}, fmt.Errorf("type %s has no plan %s", x.record.Type, x.record.Plan)
}

// step runs a step until it succeeds or fails for good.
func (x *run) step(ctx context.Context, s providers.Step, r *providers.Run) error {
	patience := s.Patience
	if patience == 0 {
		patience = defaultPatience
	}
	var since time.Time
	for wait := firstWait; ; wait = min(2*wait, longestWait) {
		err := protect(ctx, s.Run, r)
		var answer *rest.Error
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, errFenced):
			return err
		case errors.As(err, &answer):
			return answer
		}
		now := x.engine.clock.Now()
		if since.IsZero() {
			since = now
		}
		x.log.Warn("step failed", "step", s.Name, "error", err)
		if now.Sub(since) >= patience {
			return rest.NewError(http.StatusInternalServerError, "InternalOperationError",
				fmt.Sprintf("The operation failed at step '%s' and was given up after %s. The log has the cause under operation %s.", s.Name, patience, r.Operation))
		}
		select {
		case <-x.engine.clock.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// protect turns a step's panic into its failure: it must not take the others along.
func protect(ctx context.Context, step func(context.Context, *providers.Run) error, r *providers.Run) (err error) {
	defer func() {
		if p := recover(); p != nil {
			r.Log.Error("step panicked", "panic", p, "stack", string(debug.Stack()))
			err = rest.InternalServerError()
		}
	}()
	return step(ctx, r)
}

func (x *run) fail(ctx context.Context, plan providers.Plan, r *providers.Run, id armid.ID, failure error) bool {
	x.log.Warn("operation failed", "error", failure)
	r.Cause = failure
	if plan.Failed != nil {
		cleaning, cancel := context.WithTimeout(ctx, cleanUp)
		if err := protect(cleaning, plan.Failed, r); err != nil {
			x.log.Error("cleaning up after an operation", "error", err)
		}
		cancel()
	}
	return x.finish(ctx, id, rest.AsError(failure))
}

// save changes the record, unless it isn't ours any more.
func (x *run) save(ctx context.Context, change func(*Record)) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	next := *x.record
	change(&next)
	raw, err := next.encode()
	if err != nil {
		return err
	}
	revision, err := x.engine.store.Txn(ctx, x.fence(), []store.Op{store.Put(next.key(), raw)})
	if err != nil {
		return x.fenceError(err)
	}
	next.revision = revision
	x.record = &next
	return nil
}

func (x *run) saveData(ctx context.Context, data json.RawMessage) error {
	return x.save(ctx, func(record *Record) { record.Data = data })
}

// fence is the condition of every write of the run; mu must be held until the
// write is done.
func (x *run) fence() []store.Cond {
	return []store.Cond{store.Unchanged(x.record.key(), x.record.revision)}
}

func (x *run) fenceError(err error) error {
	if errors.Is(err, store.ErrConflict) {
		return fmt.Errorf("%w: %w", errFenced, err)
	}
	return err
}

func (x *run) interrupted(ctx context.Context, err error) {
	if ctx.Err() == nil && !errors.Is(err, errFenced) {
		x.log.Error("working on an operation", "error", err)
	}
}

// giveUp lets others know that no step of the operation runs here any more.
func (x *run) giveUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	owner := x.record.ownerKey()
	_, err := x.engine.store.Txn(ctx, []store.Cond{store.Unchanged(owner, x.ownerRev)}, []store.Op{store.Delete(owner)})
	if err != nil && !errors.Is(err, store.ErrConflict) {
		return fmt.Errorf("giving up operation %s: %w", x.record.ID, err)
	}
	return nil
}

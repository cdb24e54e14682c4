package ops

import (
	"context"
	"errors"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/documents"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/store"
)

// finish ends the operation: its record and its resource in one transaction.
// failure is nil for success. It reports whether the operation has ended.
func (x *run) finish(ctx context.Context, id armid.ID, failure *rest.Error) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	state, wait := Succeeded, firstWait
	switch {
	case failure != nil && failure.Code == providers.CodeCanceled:
		state = Canceled
	case failure != nil:
		state = Failed
	}
	for {
		err := x.tryFinish(ctx, id, x.record.end(state, x.engine.clock.Now(), failure))
		switch {
		case err == nil:
			x.log.Info("operation ended", "state", state)
			x.engine.record(Event{
				Time: x.engine.clock.Now(), Kind: "operation", Resource: x.record.Resource, Caller: x.record.Caller,
				Method: x.record.Method, Operation: x.record.ID, State: state,
			})
			return true
		case ctx.Err() != nil:
			return false
		case errors.Is(err, store.ErrConflict):
			if x.engine.hold(ctx, x.fence()) != nil {
				return false // cancelled meanwhile
			}
			continue // only the resource changed
		}
		x.log.Error("ending an operation", "error", err)
		wait = min(2*wait, longestWait)
		select {
		case <-x.engine.clock.After(wait):
		case <-ctx.Done():
			return false
		}
	}
}

func (x *run) tryFinish(ctx context.Context, id armid.ID, ended *Record) error {
	raw, err := ended.encode()
	if err != nil {
		return err
	}
	conds := x.fence()
	writes := []store.Op{store.Put(ended.key(), raw)}
	current, err := x.engine.documents.Get(ctx, id)
	if err != nil {
		return err
	}
	if current == nil || current.Operation != ended.ID {
		// The resource is gone or belongs to a later operation.
		_, err := x.engine.commit(ctx, conds, writes)
		return err
	}
	if ended.Method == providers.Delete && ended.State == Succeeded {
		return x.engine.remove(ctx, &providers.Request{Caller: ended.Caller, ID: current.ID, Old: current, Conds: conds, Ops: writes})
	}
	conds = append(conds, documentCond(id, current))
	next := current.Clone()
	next.Operation = ""
	next.ProvisioningState = resource.Succeeded
	switch ended.State {
	case Failed:
		next.ProvisioningState = resource.Failed
	case Canceled:
		next.ProvisioningState = resource.Canceled
	}
	document, err := next.Store()
	if err != nil {
		return err
	}
	_, err = x.engine.commit(ctx, conds, append(writes, store.Put(documents.Key(id), document)))
	return err
}

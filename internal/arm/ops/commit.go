package ops

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/documents"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/store"
)

// Outcome is what a Commit wrote.
type Outcome struct {
	Resource  *resource.Resource // nil when it is gone
	Operation *Record            // nil when the write is complete
}

// Commit writes what the request's hooks decided. It fails with store.ErrConflict
// when anything that the decision rested on has changed: decide again then.
func (e *Engine) Commit(ctx context.Context, r *providers.Request) (Outcome, error) {
	switch r.Method {
	case providers.Put, providers.Patch:
		return e.commitWrite(ctx, r)
	case providers.Delete:
		return e.commitDelete(ctx, r)
	case providers.Do:
		return e.commitAction(ctx, r)
	default:
		return Outcome{}, fmt.Errorf("committing %s of %s: reads write nothing", r.Method, r.ID)
	}
}

func (e *Engine) commitWrite(ctx context.Context, r *providers.Request) (Outcome, error) {
	next := r.Next
	conds, err := e.placeConds(ctx, next.ID)
	if err != nil {
		return Outcome{}, err
	}
	stamp(next, r.Caller, r.Old == nil, r.Now)
	var record *Record
	if r.Operation != nil {
		state := resource.Updating
		if r.Old == nil {
			state = resource.Creating
		}
		record = e.begin(next, r, state)
	} else if next.ProvisioningState == "" || r.Old != nil {
		next.ProvisioningState = resource.Succeeded
	}
	return e.write(ctx, r, next, record, append(conds, ownCond(r, next.ID)...))
}

// commitAction starts an operation on a resource that itself stays as it is.
func (e *Engine) commitAction(ctx context.Context, r *providers.Request) (Outcome, error) {
	next := r.Next
	if next == nil {
		next = r.Old.Clone()
	}
	var record *Record
	if r.Operation != nil {
		record = e.begin(next, r, resource.Updating)
	}
	return e.write(ctx, r, next, record, []store.Cond{documentCond(next.ID, r.Old)})
}

func (e *Engine) commitDelete(ctx context.Context, r *providers.Request) (Outcome, error) {
	var cancelled *Record
	if r.Old.Busy() {
		var err error
		if cancelled, err = e.Operation(ctx, r.Old.Operation); err != nil {
			return Outcome{}, err
		}
		if cancelled != nil && cancelled.Done() {
			cancelled = nil
		}
	}
	if r.Operation == nil && cancelled == nil {
		return Outcome{}, e.remove(ctx, r)
	}
	if r.Operation == nil {
		// Nothing to do but to wait for the cancelled operation's step.
		r.Operation = &providers.Start{}
	}
	next := r.Old.Clone()
	record := e.begin(next, r, resource.Deleting)
	conds := []store.Cond{documentCond(r.ID, r.Old)}
	if cancelled != nil {
		record.Previous = cancelled.ID
		raw, err := cancelled.end(Canceled, r.Now, nil).encode()
		if err != nil {
			return Outcome{}, err
		}
		conds = append(conds, store.Unchanged(cancelled.key(), cancelled.revision))
		r.Ops = append(r.Ops, store.Put(cancelled.key(), raw))
	}
	return e.write(ctx, r, next, record, conds)
}

// begin makes the record of an operation and marks the resource with it.
func (e *Engine) begin(next *resource.Resource, r *providers.Request, state string) *Record {
	record := &Record{
		ID: uuid.NewString(), Resource: next.ID.String(), Type: next.ID.Type(), Plan: r.Operation.Plan, Method: r.Method,
		Location: next.Location, Caller: r.Caller, Args: r.Operation.Args, State: InProgress, Start: r.Now.UTC(),
	}
	next.Operation = record.ID
	next.ProvisioningState = state
	if r.Operation.State != "" {
		next.ProvisioningState = r.Operation.State
	}
	return record
}

// write puts the resource, the record and the provider's writes in one transaction.
func (e *Engine) write(ctx context.Context, r *providers.Request, next *resource.Resource, record *Record, conds []store.Cond) (Outcome, error) {
	raw, err := next.Store()
	if err != nil {
		return Outcome{}, err
	}
	var writes []store.Op
	if !embedded(r) {
		writes = append(writes, store.Put(documents.Key(next.ID), raw))
	}
	writes = append(writes, r.Ops...)
	event := Event{Time: r.Now, Kind: "write", Resource: next.ID.String(), Caller: r.Caller, State: next.ProvisioningState}
	if record != nil {
		raw, err := record.encode()
		if err != nil {
			return Outcome{}, err
		}
		writes = append(writes, store.Put(record.key(), raw))
		event.Operation = record.ID
	}
	revision, err := e.commit(ctx, append(conds, r.Conds...), writes)
	if err != nil {
		return Outcome{}, fmt.Errorf("writing %s: %w", next.ID, err)
	}
	next.Revision = revision
	e.record(event)
	return Outcome{Resource: next, Operation: record}, nil
}

// commit writes what goes on record then. Once begun it isn't given up with its
// caller, a client that goes away or an operation whose end is heard of while it is
// written: what etcd has written would be missing there.
func (e *Engine) commit(ctx context.Context, conds []store.Cond, writes []store.Op) (revision int64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	return e.store.Txn(context.WithoutCancel(ctx), conds, writes)
}

// embedded reports whether the request's resource is a part of another document.
func embedded(r *providers.Request) bool { return r.Type != nil && r.Type.Embedded }

// ownCond holds while the request's resource is the one that was read. That of
// an embedded one is among its hooks' conditions.
func ownCond(r *providers.Request, id armid.ID) []store.Cond {
	if embedded(r) {
		return nil
	}
	return []store.Cond{documentCond(id, r.Old)}
}

// documentCond holds while the stored document is the one that was read.
func documentCond(id armid.ID, old *resource.Resource) store.Cond {
	if old == nil {
		return store.Absent(documents.Key(id))
	}
	return store.Unchanged(documents.Key(id), old.Revision)
}

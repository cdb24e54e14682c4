package ops

import (
	"context"
	"errors"
	"fmt"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/documents"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/store"
)

var _ providers.Resources = (*Engine)(nil)

// attempts bounds how often a write is decided anew because of others' writes.
const attempts = 20

// Get implements providers.Resources.
func (e *Engine) Get(ctx context.Context, id armid.ID) (*resource.Resource, error) {
	r, err := e.documents.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	if r == nil {
		return nil, NotFound(e.registry.Canonical(id))
	}
	return r, nil
}

// List implements providers.Resources.
func (e *Engine) List(ctx context.Context, scope armid.ID, fullType string) ([]*resource.Resource, error) {
	var out []*resource.Resource
	for r, err := range e.documents.Scan(ctx, documents.Scan{Scope: scope, Type: fullType}) {
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

// Update implements providers.Resources.
func (e *Engine) Update(ctx context.Context, id armid.ID, change func(*resource.Resource) error) (*resource.Resource, error) {
	return e.update(ctx, id, change, nil)
}

func (e *Engine) update(ctx context.Context, id armid.ID, change func(*resource.Resource) error, conds []store.Cond) (*resource.Resource, error) {
	for range attempts {
		old, err := e.Get(ctx, id)
		if err != nil {
			return nil, err
		}
		next := old.Clone()
		if err := change(next); err != nil {
			return nil, err
		}
		next.ID = old.ID
		raw, err := next.Store()
		if err != nil {
			return nil, err
		}
		own := append([]store.Cond{documentCond(id, old)}, conds...)
		revision, err := e.store.Txn(ctx, own, []store.Op{store.Put(documents.Key(id), raw)})
		if errors.Is(err, store.ErrConflict) {
			if err := e.hold(ctx, conds); err != nil {
				return nil, err
			}
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("updating %s: %w", id, err)
		}
		next.Revision = revision
		return next, nil
	}
	return nil, rest.Conflict(id.String())
}

// hold fails with store.ErrConflict when the conditions don't hold any more:
// then it wasn't the document that changed, and trying again is useless.
func (e *Engine) hold(ctx context.Context, conds []store.Cond) error {
	if len(conds) == 0 {
		return nil
	}
	_, err := e.store.Txn(ctx, conds, nil)
	return err
}

// Create implements providers.Resources.
func (e *Engine) Create(ctx context.Context, by providers.Caller, next *resource.Resource, writes []store.Op, conds ...store.Cond) (*resource.Resource, error) {
	return e.create(ctx, by, next, writes, conds, nil)
}

func (e *Engine) create(ctx context.Context, by providers.Caller, next *resource.Resource, writes []store.Op, conds, fence []store.Cond) (*resource.Resource, error) {
	id := e.registry.Canonical(next.ID)
	for range attempts {
		old, err := e.documents.Get(ctx, id)
		if err != nil || old != nil {
			return old, err
		}
		made := next.Clone()
		made.ID = id
		r := &providers.Request{
			Caller: by, Method: providers.Put, Type: e.registry.Find(id.Type()), ID: id, Next: made, Now: e.clock.Now(),
			Ops: writes, Conds: append(append([]store.Cond{}, conds...), fence...),
		}
		outcome, err := e.Commit(ctx, r)
		if errors.Is(err, store.ErrConflict) {
			if err := e.hold(ctx, r.Conds); err != nil {
				return nil, err
			}
			continue
		}
		return outcome.Resource, err
	}
	return nil, rest.Conflict(id.String())
}

// Delete implements providers.Resources.
func (e *Engine) Delete(ctx context.Context, by providers.Caller, id armid.ID) (bool, error) {
	return e.delete(ctx, by, id, nil)
}

func (e *Engine) delete(ctx context.Context, by providers.Caller, id armid.ID, fence []store.Cond) (bool, error) {
	for range attempts {
		old, err := e.documents.Get(ctx, id)
		if err != nil {
			return false, err
		}
		if old == nil {
			return true, nil
		}
		if old.Busy() && old.ProvisioningState == resource.Deleting {
			return false, nil
		}
		r := &providers.Request{
			Caller: by, Method: providers.Delete, Type: e.registry.Find(id.Type()), ID: old.ID, Old: old, Now: e.clock.Now(), Conds: fence,
		}
		if r.Type != nil && r.Type.Remove != nil {
			if err := r.Type.Remove(ctx, r); err != nil {
				return false, err
			}
		}
		outcome, err := e.Commit(ctx, r)
		if errors.Is(err, store.ErrConflict) {
			if err := e.hold(ctx, fence); err != nil {
				return false, err
			}
			continue
		}
		return err == nil && outcome.Operation == nil, err
	}
	return false, rest.Conflict(id.String())
}

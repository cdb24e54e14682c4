package ops

import (
	"context"
	"slices"

	"github.com/lanyard-project/lanyard/internal/arm/documents"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/store"
)

// removalBatch leaves room in a transaction for the resource's own writes.
const removalBatch = store.MaxOps / 2

// remove deletes the resource with everything below it: children and extensions
// such as role assignments. The resource itself goes with the writes under the
// conditions; more descendants than fit go before it, and one that was created
// meanwhile goes after it (none can be created any more then).
func (e *Engine) remove(ctx context.Context, r *providers.Request) error {
	old, own := r.Old, ownCond(r, r.ID)
	keys, err := e.documents.Keys(ctx, old.ID)
	if err != nil {
		return err
	}
	slices.Reverse(keys) // children before their parents
	for len(keys) > removalBatch {
		if err := e.removeKeys(ctx, keys[:removalBatch], own, nil); err != nil {
			return err
		}
		keys = keys[removalBatch:]
	}
	if !embedded(r) {
		keys = append(keys, documents.Key(old.ID))
	}
	if err := e.removeKeys(ctx, keys, append(r.Conds, own...), r.Ops); err != nil {
		return err
	}
	e.record(Event{Time: e.clock.Now(), Kind: "remove", Resource: old.ID.String(), Caller: r.Caller})
	late, err := e.documents.Keys(ctx, old.ID)
	if err != nil || len(late) == 0 {
		return err
	}
	return e.removeKeys(ctx, late, nil, nil)
}

func (e *Engine) removeKeys(ctx context.Context, keys []string, conds []store.Cond, writes []store.Op) error {
	for _, key := range keys {
		writes = append(writes, store.Delete(key))
	}
	_, err := e.commit(ctx, conds, writes)
	return err
}

package keys

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/lanyard-project/lanyard/internal/store"
)

// List are the keys in the store, published and not yet outlived, by when they
// sign.
func (r *Ring) List(ctx context.Context) ([]*Key, error) {
	if err := r.Refresh(ctx); err != nil {
		return nil, err
	}
	return *r.keys.Load(), nil
}

// Rotate lets the next key sign as soon as verifiers can know it: at once if it
// has been published for PublishAhead, otherwise when it will have been. The key
// that signed stays published until its tokens have expired. It returns the next
// key; for one that is compromised there is Drop.
func (r *Ring) Rotate(ctx context.Context) (*Key, error) {
	for {
		keys, err := r.List(ctx)
		if err != nil {
			return nil, err
		}
		// Refresh leaves a key that is still to sign behind the one that does.
		next, now := keys[len(keys)-1], r.options.Clock.Now()
		item, err := r.options.Store.Get(ctx, name(next.sequence))
		if err != nil {
			return nil, fmt.Errorf("rotating the signing keys: %w", err)
		}
		var stored record
		if err := json.Unmarshal(item.Value, &stored); err != nil {
			return nil, fmt.Errorf("reading %s: %w", item.Key, err)
		}
		from := stored.Created.Add(r.options.PublishAhead)
		if from.Before(now) {
			from = now
		}
		if !from.Before(stored.SignFrom) {
			return next, nil // it was rotated before
		}
		stored.SignFrom = from
		value, err := json.Marshal(stored)
		if err != nil {
			return nil, fmt.Errorf("encoding a signing key: %w", err)
		}
		_, err = r.options.Store.Txn(ctx, []store.Cond{store.Unchanged(item.Key, item.Revision)}, []store.Op{store.Put(item.Key, value)})
		if errors.Is(err, store.ErrConflict) {
			continue // another one rotates: look again at what is left to do
		}
		if err != nil {
			return nil, fmt.Errorf("rotating the signing keys: %w", err)
		}
		r.options.Log.Info("rotated the signing keys", "kid", next.ID, "signs_from", from)
		if err := r.Refresh(ctx); err != nil {
			return nil, err
		}
		next.SignFrom = from
		return next, nil
	}
}

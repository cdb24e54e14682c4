package keys

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/seal"
	"github.com/lanyard-project/lanyard/internal/store"
)

// Options say how keys rotate. The zero durations mean the defaults.
type Options struct {
	Store *store.Store
	Box   *seal.Box
	Clock clock.WithTicker
	Log   *slog.Logger

	// SignFor is how long a key signs (default 45 days).
	SignFor time.Duration
	// PublishAhead is the least time between a key's first publication and its first
	// signature (default 24 h: how long verifiers may cache the key set).
	PublishAhead time.Duration
	// KeepFor is how long a key stays published after its last signature (default
	// 25 h). It must outlast every token: a managed identity's lives 24 h.
	KeepFor time.Duration
}

// refreshInterval is how often the schedule is looked at, and how late another
// replica's new key may be seen. It is far below PublishAhead.
const refreshInterval = 5 * time.Minute

// Ring is the set of keys in their slots.
type Ring struct {
	options Options
	keys    atomic.Pointer[[]*Key] // by SignFrom, oldest first; never empty
	seen    atomic.Int64           // the store's revision that they were read at
}

// Open reads the keys, and makes the first two at the first start.
func Open(ctx context.Context, o Options) (*Ring, error) {
	if o.SignFor == 0 {
		o.SignFor = 45 * 24 * time.Hour
	}
	if o.PublishAhead == 0 {
		o.PublishAhead = 24 * time.Hour
	}
	if o.KeepFor == 0 {
		o.KeepFor = 25 * time.Hour
	}
	r := &Ring{options: o}
	if err := r.Refresh(ctx); err != nil {
		return nil, fmt.Errorf("opening the signing keys: %w", err)
	}
	return r, nil
}

// Run keeps the slots filled, and follows what others change, until ctx is done.
func (r *Ring) Run(ctx context.Context) error {
	ticker := r.options.Clock.NewTicker(refreshInterval)
	defer ticker.Stop()
	var changes <-chan store.Event
	for {
		if changes == nil {
			changes = r.options.Store.Watch(ctx, prefix, r.seen.Load())
		}
		select {
		case <-ctx.Done():
			return nil
		case change, open := <-changes:
			if !open || change.Type == store.EventError {
				changes = nil
				r.pause(ctx, ticker) // the store doesn't answer
			}
		case <-ticker.C():
		}
		if err := r.Refresh(ctx); err != nil && ctx.Err() == nil {
			r.options.Log.Error("refreshing the signing keys failed", "error", err)
		}
	}
}

func (r *Ring) pause(ctx context.Context, ticker clock.Ticker) {
	select {
	case <-ctx.Done():
	case <-ticker.C():
	}
}

// Signing is the key that signs now.
func (r *Ring) Signing() *Key {
	keys, now := *r.keys.Load(), r.options.Clock.Now()
	return keys[signing(keys, now)]
}

// Public returns the published key with this ID: one that signs, signed, or will.
func (r *Ring) Public(id string) (*Key, bool) {
	keys, now := *r.keys.Load(), r.options.Clock.Now()
	for i, k := range keys {
		if k.ID == id && !r.outlived(keys, i, now) {
			return k, true
		}
	}
	return nil, false
}

// Published are the keys of the key set, the signing one first.
func (r *Ring) Published() []*Key {
	keys, now := *r.keys.Load(), r.options.Clock.Now()
	current := signing(keys, now)
	published := make([]*Key, 0, len(keys))
	published = append(published, keys[current])
	for i, k := range keys {
		if i != current && !r.outlived(keys, i, now) {
			published = append(published, k)
		}
	}
	return published
}

// signing is the index of the newest key whose time has come; before any (a clock
// that was set back) it is the oldest.
func signing(keys []*Key, now time.Time) int {
	for i := len(keys) - 1; i > 0; i-- {
		if !keys[i].SignFrom.After(now) {
			return i
		}
	}
	return 0
}

// outlived reports whether every token that the key signed has expired.
func (r *Ring) outlived(keys []*Key, i int, now time.Time) bool {
	return i+1 < len(keys) && now.After(keys[i+1].SignFrom.Add(r.options.KeepFor))
}

// Refresh reads the keys, publishes the next one if there is none, and removes
// those that were outlived. Several replicas may do it at once.
func (r *Ring) Refresh(ctx context.Context) error {
	for {
		keys, err := r.load(ctx)
		if err != nil {
			return err
		}
		now := r.options.Clock.Now()
		next, needed := r.next(keys, now)
		if needed {
			if err := r.add(ctx, next); err != nil && !errors.Is(err, store.ErrConflict) {
				return err
			}
			continue // read again: another replica may have been first
		}
		var kept []*Key
		for i, k := range keys {
			if !r.outlived(keys, i, now) {
				kept = append(kept, k)
				continue
			}
			if err := r.remove(ctx, k); err != nil {
				return err
			}
		}
		r.keys.Store(&kept)
		return nil
	}
}

type slot struct {
	sequence int64
	signFrom time.Time
}

// next says which key is missing: the very first one, or the one after the key that signs.
func (r *Ring) next(keys []*Key, now time.Time) (slot, bool) {
	if len(keys) == 0 {
		return slot{sequence: 1, signFrom: now}, true
	}
	newest := keys[len(keys)-1]
	if newest.SignFrom.After(now) {
		return slot{}, false
	}
	from := newest.SignFrom.Add(r.options.SignFor)
	if least := now.Add(r.options.PublishAhead); from.Before(least) {
		from = least
	}
	return slot{sequence: newest.sequence + 1, signFrom: from}, true
}

// Drop takes a key out of use at once, for one that is compromised: it neither
// signs nor verifies any more. If it was the only one, a new one takes its place.
func (r *Ring) Drop(ctx context.Context, id string) error {
	keys, err := r.load(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(keys, func(k *Key) bool { return k.ID == id })
	if i < 0 {
		return fmt.Errorf("dropping signing key %s: %w", id, store.ErrNotFound)
	}
	if err := r.remove(ctx, keys[i]); err != nil {
		return err
	}
	return r.Refresh(ctx)
}

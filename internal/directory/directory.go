package directory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/seal"
	"github.com/lanyard-project/lanyard/internal/store"
	"github.com/lanyard-project/lanyard/internal/store/mirror"
)

// ErrNotFound says that the directory has no such object.
var ErrNotFound = errors.New("not in the directory")

// Options say what the directory works with.
type Options struct {
	Store *store.Store
	Box   *seal.Box
	Clock clock.WithTicker
	Log   *slog.Logger
}

// Directory is safe for concurrent use.
type Directory struct {
	options Options
	index   *index
	mirror  *mirror.Mirror
}

// Open reads the directory into memory. Run keeps it up to date.
func Open(ctx context.Context, o Options) (*Directory, error) {
	d := &Directory{options: o, index: newIndex(o.Log)}
	d.mirror = mirror.New(mirror.Config{
		Store: o.Store, Prefix: prefix, Match: d.index.wants, Put: d.index.put, Delete: d.index.delete, Log: o.Log, Clock: o.Clock,
	})
	if err := d.mirror.Load(ctx); err != nil {
		return nil, fmt.Errorf("opening the directory: %w", err)
	}
	return d, nil
}

// Run follows the store and rotates certificates until ctx is done.
func (d *Directory) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return d.mirror.Follow(ctx) })
	group.Go(func() error { return d.rotate(ctx) })
	if err := group.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("running the directory: %w", err)
	}
	return nil
}

// ByObjectID finds a principal, or ErrNotFound.
func (d *Directory) ByObjectID(ctx context.Context, objectID string) (ServicePrincipal, error) {
	found, err := d.principal(ctx, objectID)
	if err != nil {
		return ServicePrincipal{}, err
	}
	return found.ServicePrincipal, nil
}

// ByAppID finds a principal by its client ID, or ErrNotFound.
func (d *Directory) ByAppID(ctx context.Context, appID string) (ServicePrincipal, error) {
	found, err := d.byApp(ctx, appID)
	if err != nil {
		return ServicePrincipal{}, err
	}
	return found.ServicePrincipal, nil
}

// ManagedIdentityOf finds the principal of a user-assigned identity's resource, or
// the own one of another resource, or ErrNotFound.
func (d *Directory) ManagedIdentityOf(ctx context.Context, id armid.ID) (ServicePrincipal, error) {
	found, err := d.byResource(ctx, id)
	if err != nil {
		return ServicePrincipal{}, err
	}
	return found.ServicePrincipal, nil
}

// PrincipalType is how role assignments call a principal's kind, "" if the tenant
// has no such principal: another tenant's is as good as none.
func (d *Directory) PrincipalType(ctx context.Context, tenantID, objectID string) (string, error) {
	for _, kind := range []struct {
		name string
		find func() (tenantID string, err error)
	}{
		{"ServicePrincipal", func() (string, error) {
			p, err := d.principal(ctx, objectID)
			if err != nil {
				return "", err
			}
			return p.TenantID, nil
		}},
		{"User", func() (string, error) { u, err := d.User(ctx, objectID); return u.TenantID, err }},
		{"Group", func() (string, error) { g, err := d.Group(ctx, objectID); return g.TenantID, err }},
	} {
		of, err := kind.find()
		switch {
		case err == nil && sameID(of, tenantID):
			return kind.name, nil
		case err == nil:
			return "", nil
		case !errors.Is(err, ErrNotFound):
			return "", err
		}
	}
	return "", nil
}

func (d *Directory) principal(ctx context.Context, objectID string) (*entry, error) {
	if found, ok := d.index.byObject(objectID); ok {
		return found, nil
	}
	return d.fetch(ctx, principalKey(objectID))
}

func (d *Directory) byApp(ctx context.Context, appID string) (*entry, error) {
	if found, ok := d.index.byApp(appID); ok {
		return found, nil
	}
	return d.follow(ctx, appKey(appID))
}

func (d *Directory) byResource(ctx context.Context, id armid.ID) (*entry, error) {
	if found, ok := d.index.byResource(id.Key()); ok {
		return found, nil
	}
	return d.follow(ctx, resourceKey(id))
}

// follow reads which principal another name stands for: one that a replica made a
// moment ago may not have come by the watch yet.
func (d *Directory) follow(ctx context.Context, key string) (*entry, error) {
	if len(key) > maxKey {
		return nil, ErrNotFound
	}
	item, err := d.options.Store.Get(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return d.fetch(ctx, principalKey(string(item.Value)))
}

// maxKey bounds what of a request may become a store key.
const maxKey = 2048

func (d *Directory) fetch(ctx context.Context, key string) (*entry, error) {
	if len(key) > maxKey {
		return nil, ErrNotFound
	}
	item, err := d.options.Store.Get(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return decode(item)
}

// change writes a principal back under the revision that was read, again if
// somebody else was faster.
func (d *Directory) change(ctx context.Context, objectID string, edit func(*record) error) (*entry, error) {
	key := principalKey(objectID)
	for {
		current, err := d.fetch(ctx, key)
		if err != nil {
			return nil, err
		}
		next := current.record
		if err := edit(&next); err != nil {
			return nil, err
		}
		value, err := json.Marshal(next)
		if err != nil {
			return nil, fmt.Errorf("encoding a principal: %w", err)
		}
		_, err = d.options.Store.Txn(ctx, []store.Cond{store.Unchanged(key, current.revision)}, []store.Op{store.Put(key, value)})
		if errors.Is(err, store.ErrConflict) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return &entry{record: next}, nil
	}
}

func (d *Directory) now() time.Time { return d.options.Clock.Now().UTC() }

func sameID(a, b string) bool { return strings.EqualFold(a, b) }

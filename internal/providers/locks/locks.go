package locks

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/store"
	"github.com/lanyard-project/lanyard/internal/store/mirror"
)

const (
	namespace = "Microsoft.Authorization"
	segment   = "/providers/microsoft.authorization/locks/"
)

// The levels of a lock.
const (
	CanNotDelete = "CanNotDelete"
	ReadOnly     = "ReadOnly"
)

// maxNotes is Azure's limit.
const maxNotes = 512

// Config says what the provider works with.
type Config struct {
	Store *store.Store
	Log   *slog.Logger
	Clock clock.Clock
}

// Provider serves locks. It is safe for concurrent use.
type Provider struct {
	cfg    Config
	mirror *mirror.Mirror

	mu    sync.RWMutex
	locks map[string]lock // by store key
}

type lock struct {
	resource *resource.Resource
	scope    armid.ID
	level    string
}

type properties struct {
	Level string `json:"level"`
	Notes string `json:"notes,omitempty"`
}

// New returns the provider without locks: Load reads them.
func New(cfg Config) *Provider {
	p := &Provider{cfg: cfg, locks: map[string]lock{}}
	p.mirror = mirror.New(mirror.Config{
		Store: cfg.Store, Prefix: resource.KeyPrefix + "/", Match: isLock, Put: p.learn, Delete: p.forget, Log: cfg.Log, Clock: cfg.Clock,
	})
	return p
}

func isLock(key string) bool {
	at := strings.LastIndex(key, segment)
	return at >= 0 && !strings.Contains(key[at+len(segment):], "/")
}

// Load reads all locks; it must have returned before the first call is served.
func (p *Provider) Load(ctx context.Context) error {
	if err := p.mirror.Load(ctx); err != nil {
		return fmt.Errorf("loading locks: %w", err)
	}
	return nil
}

// Run follows what is written to locks elsewhere until ctx ends.
func (p *Provider) Run(ctx context.Context) error { return p.mirror.Follow(ctx) }

// Types returns the provider's resource type.
func (p *Provider) Types() []*providers.Type {
	return []*providers.Type{{
		Namespace: namespace, Name: "locks", APIVersions: []string{"2015-01-01", "2015-05-01-preview", "2016-09-01", "2017-04-01", "2020-05-01"},
		Levels: providers.AtSubscription | providers.AtGroup | providers.AtResource, HideState: true,
		Verbs:   providers.CanGet | providers.CanList | providers.CanPut | providers.CanDelete,
		Prepare: prepare, List: p.list,
	}}
}

func prepare(_ context.Context, r *providers.Request) error {
	props, err := resource.Read[properties](r.Next)
	if err != nil {
		return rest.InvalidRequestContent(err.Error())
	}
	level := ""
	for _, known := range []string{CanNotDelete, ReadOnly} {
		if strings.EqualFold(known, props.Level) {
			level = known
		}
	}
	switch {
	case level == "":
		return rest.NewError(http.StatusBadRequest, "InvalidLockLevel",
			fmt.Sprintf("The lock level '%s' is invalid. The lock level must be 'CanNotDelete' or 'ReadOnly'.", props.Level))
	case len(props.Notes) > maxNotes:
		return rest.InvalidParameter(fmt.Sprintf("The notes of a lock can't have more than %d characters.", maxNotes), "notes")
	}
	return r.Next.Set("level", level)
}

func (p *Provider) learn(item store.Item) {
	r, err := resource.Load(item.Value, item.Revision)
	var props properties
	if err == nil {
		props, err = resource.Read[properties](r)
	}
	if err != nil {
		// What can't be read might be the stronger lock.
		p.cfg.Log.Error("lock is unreadable and counts as ReadOnly", "key", item.Key, "error", err)
		props.Level = ReadOnly
	}
	id, err := armid.Parse(strings.TrimPrefix(item.Key, resource.KeyPrefix))
	if err != nil {
		p.cfg.Log.Error("lock has no resource ID", "key", item.Key, "error", err)
		return
	}
	if r == nil {
		r = &resource.Resource{ID: id}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.locks[item.Key] = lock{resource: r, scope: r.ID.Parent(), level: props.Level}
}

func (p *Provider) forget(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.locks, key)
}

// list shows the locks at a scope and below it, or with atScope() only those at it.
func (p *Provider) list(_ context.Context, r *providers.Request) ([]*resource.Resource, error) {
	filter := strings.ReplaceAll(strings.TrimSpace(r.Query.Get("$filter")), " ", "")
	if filter != "" && !strings.EqualFold(filter, "atScope()") {
		return nil, rest.InvalidFilter(r.Query.Get("$filter"))
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	var out []*resource.Resource
	for _, key := range slices.Sorted(maps.Keys(p.locks)) {
		l := p.locks[key]
		if l.scope.Equal(r.Scope) || filter == "" && l.scope.Under(r.Scope) {
			out = append(out, l.resource)
		}
	}
	return out, nil
}

// Blocking returns the scopes whose locks forbid a write (or action), or a
// deletion of the resource with all that is below it.
func (p *Provider) Blocking(id armid.ID, deleting bool) []string {
	if id.Is(namespace + "/locks") {
		return nil // locks don't protect themselves
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	var out []string
	for _, l := range p.locks {
		above := id.Under(l.scope) && (deleting || l.level == ReadOnly)
		below := deleting && l.scope.Under(id)
		if above || below {
			out = append(out, l.scope.String())
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

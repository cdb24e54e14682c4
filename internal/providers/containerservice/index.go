package containerservice

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/store"
	"github.com/lanyard-project/lanyard/internal/store/mirror"
)

// index is what is known in memory of all clusters. It follows the store.
type index struct {
	options Options
	mirror  *mirror.Mirror

	mu sync.RWMutex
	// keys finds clusters by their keys, which callers name who haven't proven anything yet: what they cost doesn't grow
	// with the number of clusters, and a key that nobody has costs no read.
	keys map[string]armid.ID
	// named are the clusters' keys by those in the store.
	named map[string]string
	// upgraded are the principals of the control planes of the clusters that are being upgraded, by the clusters' keys in
	// the store: "during cluster upgrade operations, the managed identity is temporarily unavailable".
	upgraded map[string][]string
}

func newIndex(o Options) *index {
	x := &index{options: o, keys: map[string]armid.ID{}, named: map[string]string{}, upgraded: map[string][]string{}}
	x.mirror = mirror.New(mirror.Config{
		Store: o.Store, Prefix: resource.KeyPrefix + "/", Match: isClusterKey, Put: x.put, Delete: x.remove, Log: o.Log, Clock: o.Clock,
	})
	return x
}

const clusterSegment = "/providers/microsoft.containerservice/managedclusters/"

func isClusterKey(key string) bool {
	_, name, found := strings.Cut(key, clusterSegment)
	return found && !strings.Contains(name, "/")
}

// Load reads all clusters; it must have returned before the first call is served.
func (p *Provider) Load(ctx context.Context) error {
	if err := p.index.mirror.Load(ctx); err != nil {
		return fmt.Errorf("loading clusters: %w", err)
	}
	return nil
}

// Follow follows what others write to clusters until the context ends. Load must have succeeded before.
func (p *Provider) Follow(ctx context.Context) error { return p.index.mirror.Follow(ctx) }

func (x *index) put(item store.Item) {
	r, err := resource.Load(item.Value, item.Revision)
	var s state
	if err == nil {
		s, err = readState(r)
	}
	if err != nil {
		x.options.Log.Error("a cluster is unreadable and won't be known by its key", "key", item.Key, "error", err)
		x.remove(item.Key)
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.drop(item.Key)
	if s.Key != "" {
		x.keys[s.Key], x.named[item.Key] = r.ID, s.Key
	}
	if principals := away(r); len(principals) > 0 {
		x.upgraded[item.Key] = principals
	}
}

func (x *index) remove(key string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.drop(key)
}

// drop needs the lock.
func (x *index) drop(key string) {
	delete(x.keys, x.named[key])
	delete(x.named, key)
	delete(x.upgraded, key)
}

// away are the principals that can't be had because of what the cluster's document says.
func away(cluster *resource.Resource) []string {
	if cluster.ProvisioningState != upgrading || none(cluster.Identity) {
		return nil
	}
	var principals []string
	if cluster.Identity.PrincipalID != "" {
		principals = append(principals, cluster.Identity.PrincipalID)
	}
	for _, i := range cluster.Identity.UserAssigned {
		principals = append(principals, i.PrincipalID)
	}
	return principals
}

// Unavailable reports whether a principal's tokens can't be had at the moment, because the cluster whose control plane it
// is is being upgraded. It ends with the upgrade.
func (p *Provider) Unavailable(principal string) bool {
	p.index.mu.RLock()
	defer p.index.mu.RUnlock()
	for _, principals := range p.index.upgraded {
		if slices.ContainsFunc(principals, func(one string) bool { return strings.EqualFold(one, principal) }) {
			return true
		}
	}
	return false
}

// keyed reads the cluster of a key; nil if there is none.
func (p *Provider) keyed(ctx context.Context, key string) (*resource.Resource, state, error) {
	p.index.mu.RLock()
	id, known := p.index.keys[key]
	p.index.mu.RUnlock()
	if !known {
		return nil, state{}, nil
	}
	cluster, err := p.Resources.Get(ctx, id)
	if rest.IsNotFound(err) {
		return nil, state{}, nil
	}
	if err != nil {
		return nil, state{}, fmt.Errorf("reading the cluster: %w", err)
	}
	s, err := readState(cluster)
	if err != nil || s.Key != key {
		return nil, state{}, err
	}
	return cluster, s, nil
}

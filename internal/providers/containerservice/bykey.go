package containerservice

import (
	"context"
	"fmt"
	"sync"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
)

// byKey finds clusters by their keys, which callers name who haven't proven anything yet: what they cost doesn't grow with
// the number of clusters, and a key that nobody has costs no read. It is brought up to date with each write.
type byKey struct {
	mu    sync.Mutex
	known bool // what there was before this process has been read
	ids   map[string]armid.ID
}

func (k *byKey) put(key string, id armid.ID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.set(key, id)
}

func (k *byKey) set(key string, id armid.ID) {
	if k.ids == nil {
		k.ids = map[string]armid.ID{}
	}
	k.ids[key] = id
}

func (k *byKey) remove(id armid.ID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for key, one := range k.ids {
		if one.Equal(id) {
			delete(k.ids, key)
		}
	}
}

// find returns the zero ID for a key that no cluster has. The first call reads all clusters, by read.
func (k *byKey) find(key string, read func() ([]*resource.Resource, error)) (armid.ID, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.known {
		all, err := read()
		if err != nil {
			return armid.ID{}, err
		}
		for _, cluster := range all {
			s, err := readState(cluster)
			if err != nil {
				return armid.ID{}, err
			}
			k.set(s.Key, cluster.ID)
		}
		k.known = true
	}
	return k.ids[key], nil
}

// keyed reads the cluster of a key; nil if there is none.
func (p *Provider) keyed(ctx context.Context, key string) (*resource.Resource, state, error) {
	id, err := p.keys.find(key, func() ([]*resource.Resource, error) { return p.Resources.List(ctx, armid.Root(), clusterType) })
	if err != nil {
		return nil, state{}, fmt.Errorf("reading the clusters: %w", err)
	}
	if id.IsZero() {
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

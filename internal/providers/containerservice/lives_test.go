package containerservice_test

import (
	"bytes"
	"context"
	"maps"
	"testing"

	"github.com/lanyard-project/lanyard/internal/clusters"
	"github.com/lanyard-project/lanyard/internal/providers/containerservice"
	"github.com/lanyard-project/lanyard/internal/store"
	"github.com/lanyard-project/lanyard/internal/store/storetest"
)

// livesAtOnce: a life waits a part of its time.
const livesAtOnce = 3

// stores are those that lives take turns in: an etcd of its own for each would cost more than the life.
type stores chan *store.Store

func newStores(t *testing.T) stores {
	t.Helper()
	all := make(stores, livesAtOnce)
	for range livesAtOnce {
		all <- storetest.New(t)
	}
	return all
}

// beginning is a world in which something is there already. Every life that begins with it has a copy of its own.
type beginning struct {
	stores stores
	world  *world
	items  []store.Item
}

func begin(t *testing.T, from stores, before func(*process)) *beginning {
	t.Helper()
	s := <-from
	defer func() { from <- s }()
	empty(t, s)
	w := registered(newWorldOn(t, s))
	p := w.start()
	before(p)
	p.stop()
	return &beginning{stores: from, world: w, items: everything(t, s)}
}

// life lets a process act, which dies at that point (0: at none), and another one take over from it. It returns the state at
// the end, and how many points there were.
func (b *beginning) life(t *testing.T, act func(*process), killAt int) (map[string]any, int) {
	t.Helper()
	s := <-b.stores
	defer func() { b.stores <- s }()
	w := b.again(t, s)
	w.killAt = killAt
	p := w.start()
	act(p)
	finished := p.settle(clusterID("demo"))
	p.stop()
	if killAt != 0 && finished {
		t.Errorf("the process lived through point %d", killAt)
		return nil, 0
	}
	points := w.points
	w.mu.Lock()
	w.killAt = 0
	w.mu.Unlock()
	if !finished {
		p = w.start()
		if err := p.provider.Resume(t.Context()); err != nil {
			t.Errorf("resuming after point %d: %v", killAt, err)
		}
		p.settle(clusterID("demo"))
		p.stop()
	}
	return w.snapshot(), points
}

// again is the world as it was, in another store.
func (b *beginning) again(t *testing.T, s *store.Store) *world {
	t.Helper()
	empty(t, s)
	var written []store.Op
	for _, item := range b.items {
		written = append(written, store.Put(item.Key, bytes.Clone(item.Value)))
	}
	write(t, s, written)
	is := b.world
	w := &world{
		t: t, store: s, vnets: maps.Clone(is.vnets), planes: maps.Clone(is.planes), nodes: maps.Clone(is.nodes), etcd: maps.Clone(is.etcd), served: map[string]bool{},
		acts: map[string]func(context.Context) (containerservice.Principal, error){}, sets: maps.Clone(is.sets), features: is.features, simulated: map[string]clusters.Simulated{},
	}
	if w.attach = is.attach; is.far != nil {
		w.far = &farCluster{uid: is.far.uid, signer: is.far.signer, held: is.far.held, sets: maps.Clone(is.far.sets)}
	}
	for cluster, sets := range w.sets {
		w.sets[cluster] = maps.Clone(sets)
	}
	return w
}

func everything(t *testing.T, s *store.Store) []store.Item {
	t.Helper()
	page, err := s.List(t.Context(), "/", store.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return page.Items
}

func empty(t *testing.T, s *store.Store) {
	t.Helper()
	var gone []store.Op
	for _, item := range everything(t, s) {
		gone = append(gone, store.Delete(item.Key))
	}
	write(t, s, gone)
}

func write(t *testing.T, s *store.Store, all []store.Op) {
	t.Helper()
	if len(all) == 0 {
		return
	}
	if _, err := s.Txn(t.Context(), nil, all); err != nil {
		t.Fatal(err)
	}
}

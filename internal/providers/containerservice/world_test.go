package containerservice_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/ops"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/clusters"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/providers/authorization"
	"github.com/lanyard-project/lanyard/internal/providers/containerservice"
	"github.com/lanyard-project/lanyard/internal/store"
	"github.com/lanyard-project/lanyard/internal/store/storetest"
)

// world is everything around the provider that outlives a process: the store, and what the fakes for the engine and the
// other providers hold. A call that names something that isn't there, or is made otherwise already, is an error, as it
// would be with the real ones.
type world struct {
	t     *testing.T
	store *store.Store

	mu        sync.Mutex
	vnets     map[string]clusters.VNet
	planes    map[string]clusters.ControlPlane
	nodes     map[string]clusters.Node
	etcd      map[string]bool
	served    map[string]bool
	addresses map[string]netip.Prefix // subnet key + owner → prefix
	allowed   map[string]bool         // what Roles.Check says: principal + scope key
	calls     []string
	fail      func(call string) error

	points int // passed so far
	killAt int // the point at which the process dies; 0: never
	kill   context.CancelFunc
}

func newWorld(t *testing.T) *world {
	w := &world{
		t: t, store: storetest.New(t), vnets: map[string]clusters.VNet{}, planes: map[string]clusters.ControlPlane{}, nodes: map[string]clusters.Node{},
		etcd: map[string]bool{}, served: map[string]bool{}, addresses: map[string]netip.Prefix{}, allowed: map[string]bool{},
	}
	p := w.start()
	defer p.stop()
	p.make("/subscriptions/"+subscription, ``)
	p.make("/subscriptions/"+subscription+"/resourceGroups/rg", ``)
	return w
}

const (
	subscription = "6f1a2b3c-0000-4000-8000-000000000001"
	tenant       = "7a0b0c0d-0000-4000-8000-000000000002"
)

// point is a place where a process can die: before or after each effect outside of it.
func (w *world) point(ctx context.Context) error {
	w.mu.Lock()
	w.points++
	dead := w.killAt != 0 && w.points >= w.killAt
	if dead && w.kill != nil {
		w.kill()
	}
	w.mu.Unlock()
	if dead {
		return errors.New("the process is dead")
	}
	return ctx.Err()
}

// do is an effect between two points.
func (w *world) do(ctx context.Context, call string, effect func() error) error {
	if err := w.point(ctx); err != nil {
		return err
	}
	w.mu.Lock()
	w.calls = append(w.calls, call)
	var err error
	if w.fail != nil {
		err = w.fail(call)
	}
	if err == nil {
		err = effect()
	}
	w.mu.Unlock()
	if err != nil {
		return err
	}
	return w.point(ctx)
}

// process is one life of the program.
type process struct {
	*world
	ctx      context.Context
	cancel   context.CancelFunc
	engine   *ops.Engine
	registry *providers.Registry
	provider *containerservice.Provider
	done     chan struct{}
}

func (w *world) start() *process {
	ctx, cancel := context.WithCancel(w.t.Context())
	p := &process{world: w, ctx: ctx, cancel: cancel, registry: providers.NewRegistry(), done: make(chan struct{})}
	log := slog.New(slog.DiscardHandler)
	p.engine = ops.New(ops.Options{Store: w.store, Registry: p.registry, Clock: clock.RealClock{}, Log: log})
	p.provider = containerservice.New(ctx, containerservice.Options{
		Resources: p.engine, Engine: fakeEngine{w}, Etcd: fakeEtcd{w}, Platform: fakePlatform{w}, Directory: fakeDirectory{w},
		Identities: fakeIdentities{p}, Roles: fakeRoles{p}, Addresses: fakeAddresses{w}, Instances: fakeInstances{p}, Log: log,
		KubernetesVersion: "1.34.2", TenantID: tenant, IssuerBase: "https://localhost:8443/oidc",
		CACertificates: []byte("CA"), Images: []string{"/images/pause.tar"}, PauseImage: "pause:1",
	})
	types := p.provider.Types()
	for _, name := range []string{
		"Microsoft.Network/virtualNetworks", "Microsoft.Network/virtualNetworks/subnets", "Microsoft.ManagedIdentity/userAssignedIdentities",
		"Microsoft.Compute/virtualMachineScaleSets", "Microsoft.Compute/virtualMachineScaleSets/virtualMachines", "Microsoft.Authorization/roleAssignments",
	} {
		ns, typ, _ := strings.Cut(name, "/")
		types = append(types, &providers.Type{Namespace: ns, Name: typ, APIVersions: []string{"v"}, Levels: providers.AtAnyScope})
	}
	if err := p.registry.Register(types...); err != nil {
		w.t.Fatal(err)
	}
	w.mu.Lock()
	w.kill = cancel
	w.mu.Unlock()
	go func() {
		defer close(p.done)
		if err := p.engine.Run(ctx); err != nil {
			w.t.Error(err)
		}
	}()
	return p
}

func (p *process) stop() {
	p.cancel()
	<-p.done
	p.provider.Close()
}

// make writes a resource that the tests need to be there.
func (p *process) make(id, properties string) *resource.Resource {
	p.t.Helper()
	r, err := p.engine.Create(p.t.Context(), caller(), &resource.Resource{ID: armid.MustParse(id), Location: "westus2", Properties: []byte(properties)}, nil)
	if err != nil {
		p.t.Fatalf("making %s: %v", id, err)
	}
	return r
}

func caller() providers.Caller {
	return providers.Caller{TenantID: tenant, ObjectID: "user", AppID: "app", Type: "Application"}
}

type fakeEngine struct{ *world }

func (f fakeEngine) EnsureVNet(ctx context.Context, v clusters.VNet) error {
	return f.do(ctx, "EnsureVNet", func() error { f.vnets[v.ID] = v; return nil })
}

func (f fakeEngine) DeleteVNet(ctx context.Context, id string) error {
	return f.do(ctx, "DeleteVNet", func() error {
		for _, c := range f.planes {
			if c.VNetID == id {
				return errors.New("a cluster is in the network")
			}
		}
		delete(f.vnets, id)
		return nil
	})
}

func (f fakeEngine) EnsureControlPlane(ctx context.Context, c clusters.ControlPlane) (clusters.ControlPlaneStatus, error) {
	return clusters.ControlPlaneStatus{}, f.do(ctx, "EnsureControlPlane", func() error {
		if _, ok := f.vnets[c.VNetID]; !ok || !f.served[c.VNetID] || !f.etcd[c.ID] {
			return errors.New("the network, its listeners or the etcd user is missing")
		}
		f.planes[c.ID] = c
		return nil
	})
}

func (f fakeEngine) DeleteControlPlane(ctx context.Context, id string) error {
	return f.do(ctx, "DeleteControlPlane", func() error { delete(f.planes, id); return nil })
}

func (f fakeEngine) EnsureNode(ctx context.Context, n clusters.Node) error {
	return f.do(ctx, "EnsureNode "+n.Name, func() error {
		if _, ok := f.planes[n.ClusterID]; !ok {
			return errors.New("the control plane is missing")
		}
		if old, ok := f.nodes[n.Name]; ok && (old.Address != n.Address || old.PodAddresses != n.PodAddresses) {
			return errors.New("a node's addresses can't change")
		}
		for name, other := range f.nodes {
			if name != n.Name && f.planes[other.ClusterID].VNetID == f.planes[n.ClusterID].VNetID &&
				(other.Address == n.Address || other.PodAddresses.Overlaps(n.PodAddresses)) {
				return fmt.Errorf("%s and %s have the same addresses", name, n.Name)
			}
		}
		f.nodes[n.Name] = n
		return nil
	})
}

func (f fakeEngine) DeleteNode(ctx context.Context, _, name string) error {
	return f.do(ctx, "DeleteNode "+name, func() error { delete(f.nodes, name); return nil })
}

func (f fakeEngine) AdminKubeconfig(_ context.Context, id, url string) ([]byte, error) {
	return []byte("admin of " + id + " at " + url), nil
}

func (f fakeEngine) UserKubeconfig(_ context.Context, id, url string) ([]byte, error) {
	return []byte("user of " + id + " at " + url), nil
}

func (f fakeEngine) RelayAPIServer(ctx context.Context, _ string, l net.Listener) error {
	<-ctx.Done()
	return l.Close()
}

type fakeEtcd struct{ *world }

func (f fakeEtcd) Grant(ctx context.Context, cluster string) (clusters.Etcd, error) {
	return clusters.Etcd{Prefix: "/clusters/" + cluster}, f.do(ctx, "etcd.Grant", func() error { f.etcd[cluster] = true; return nil })
}

func (f fakeEtcd) Revoke(ctx context.Context, cluster string) error {
	return f.do(ctx, "etcd.Revoke", func() error {
		if _, runs := f.planes[cluster]; runs {
			return errors.New("the API server still uses it")
		}
		delete(f.etcd, cluster)
		return nil
	})
}

type fakePlatform struct{ *world }

func (f fakePlatform) Serve(ctx context.Context, vnet armid.ID) error {
	return f.do(ctx, "Serve", func() error { f.served[containerservice.VNetKey(vnet)] = true; return nil })
}

func (f fakePlatform) Withdraw(ctx context.Context, vnet armid.ID) error {
	return f.do(ctx, "Withdraw", func() error { delete(f.served, containerservice.VNetKey(vnet)); return nil })
}

type fakeDirectory struct{ *world }

const principalsPrefix = "/lanyard/directory/test"

func (f fakeDirectory) Principal(_ context.Context, owner armid.ID) (containerservice.Principal, []store.Cond, []store.Op, error) {
	key := principalsPrefix + owner.Key()
	return containerservice.Principal{ObjectID: "principal-of-" + owner.Name(), ClientID: "client", TenantID: tenant},
		[]store.Cond{store.Absent(key)}, []store.Op{store.Put(key, []byte("principal"))}, nil
}

func (f fakeDirectory) Remove(ctx context.Context, owner armid.ID) error {
	return f.do(ctx, "directory.Remove", func() error {
		_, err := f.store.Txn(ctx, nil, []store.Op{store.Delete(principalsPrefix + owner.Key())})
		return err
	})
}

type fakeIdentities struct{ *process }

func (f fakeIdentities) Ensure(ctx context.Context, by providers.Caller, id armid.ID, location string, _ map[string]string) (*resource.Resource, error) {
	var made *resource.Resource
	return made, f.do(ctx, "identities.Ensure", func() (err error) {
		made, err = f.engine.Create(ctx, by, &resource.Resource{
			ID: id, Location: location, Properties: []byte(`{"clientId":"client-of-` + id.Name() + `","principalId":"principal-of-` + id.Name() + `"}`),
		}, nil)
		return err
	})
}

type fakeRoles struct{ *process }

func (f fakeRoles) Grant(ctx context.Context, g authorization.Grant) (*resource.Resource, error) {
	var made *resource.Resource
	return made, f.do(ctx, "roles.Grant", func() (err error) {
		id := g.Scope.Extension("Microsoft.Authorization", "roleAssignments", g.Role+"-"+g.PrincipalID)
		made, err = f.engine.Create(ctx, g.By, &resource.Resource{ID: id}, nil)
		return err
	})
}

func (f fakeRoles) Check(_ context.Context, c providers.Caller, _ string, scope armid.ID) (bool, string) {
	return f.allowed[c.ObjectID+scope.Key()], ""
}

type fakeAddresses struct{ *world }

func (f fakeAddresses) Allocate(ctx context.Context, subnet armid.ID, owner string, bits int) (p netip.Prefix, err error) {
	err = f.do(ctx, "Allocate", func() error {
		key := subnet.Key() + " " + owner
		if p = f.addresses[key]; p.IsValid() {
			return nil
		}
		base := netip.MustParseAddr("10.240.0.0").As4()
		for n := 4; ; n++ { // the first four are the subnet's own
			addr := netip.AddrFrom4([4]byte{base[0], base[1], byte(n >> 8), byte(n)})
			p = netip.PrefixFrom(addr, bits)
			free := p.Masked() == p && (bits == 32 || n >= 64)
			for other, taken := range f.addresses {
				free = free && !(strings.HasPrefix(other, subnet.Key()) && taken.Overlaps(p))
			}
			if free {
				f.addresses[key] = p
				return nil
			}
		}
	})
	return p, err
}

func (f fakeAddresses) Release(ctx context.Context, subnet armid.ID, owner string) error {
	return f.do(ctx, "Release", func() error { delete(f.addresses, subnet.Key()+" "+owner); return nil })
}

type fakeInstances struct{ *process }

func (f fakeInstances) EnsureInstance(ctx context.Context, by providers.Caller, set armid.ID, i containerservice.Instance) error {
	return f.do(ctx, "EnsureInstance", func() error {
		_, err := f.engine.Create(ctx, by, &resource.Resource{
			ID: set.Child("virtualMachines", fmt.Sprint(i.Number)), Properties: []byte(`{"name":"` + i.ComputerName + `","address":"` + i.Address.String() + `"}`),
		}, nil)
		return err
	})
}

func (f fakeInstances) DeleteInstance(ctx context.Context, by providers.Caller, set armid.ID, number int) error {
	return f.do(ctx, "DeleteInstance", func() error {
		_, err := f.engine.Delete(ctx, by, set.Child("virtualMachines", fmt.Sprint(number)))
		return err
	})
}

func keys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

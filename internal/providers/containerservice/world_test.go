package containerservice_test

import (
	"bytes"
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
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/ops"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/clusters"
	"github.com/lanyard-project/lanyard/internal/clusters/objects"
	"github.com/lanyard-project/lanyard/internal/directory"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/providers/authorization"
	"github.com/lanyard-project/lanyard/internal/providers/compute"
	"github.com/lanyard-project/lanyard/internal/providers/containerservice"
	"github.com/lanyard-project/lanyard/internal/providers/dns"
	"github.com/lanyard-project/lanyard/internal/providers/managedidentity"
	"github.com/lanyard-project/lanyard/internal/providers/network"
	"github.com/lanyard-project/lanyard/internal/providers/resources"
	"github.com/lanyard-project/lanyard/internal/seal"
	"github.com/lanyard-project/lanyard/internal/secret"
	"github.com/lanyard-project/lanyard/internal/store"
	"github.com/lanyard-project/lanyard/internal/store/storetest"
)

// world is everything around the provider that outlives a process: the store, and what the fakes for the engine and the
// other providers hold. A call that names something that isn't there, or is made otherwise already, is an error, as it
// would be with the real ones.
type world struct {
	t     *testing.T
	store *store.Store

	mu     sync.Mutex
	vnets  map[string]clusters.VNet
	planes map[string]clusters.ControlPlane
	nodes  map[string]clusters.Node
	etcd   map[string]bool
	served map[string]bool
	acts   map[string]func(context.Context) (containerservice.Principal, error) // by cluster
	sets   map[string]map[string][]*unstructured.Unstructured                   // by cluster and set
	calls  []string
	fail   func(call string) error

	rules     containerservice.Rules
	tokenKeys int      // service account keys made since the first
	due       bool     // certificates are to be renewed
	missing   []string // objects that somebody has deleted
	troubles  []clusters.Trouble
	versions  []string        // besides the default one
	features  map[string]bool // those that are registered
	locks     map[string]bool // resource groups under a ReadOnly lock, by name
	attach    bool            // the process runs no clusters of its own
	far       *farCluster     // the cluster that can be connected

	simulated map[string]clusters.Simulated // by pool

	clock  clock.Clock // the provider's; nil: the real one
	points int         // passed so far
	killAt int         // the point at which the process dies; 0: never
	kill   context.CancelFunc
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldOn(t, storetest.New(t))
}

func newWorldOn(t *testing.T, s *store.Store) *world {
	t.Helper()
	w := &world{
		t: t, store: s, vnets: map[string]clusters.VNet{}, planes: map[string]clusters.ControlPlane{}, nodes: map[string]clusters.Node{},
		sets: map[string]map[string][]*unstructured.Unstructured{}, etcd: map[string]bool{}, served: map[string]bool{}, acts: map[string]func(context.Context) (containerservice.Principal, error){},
	}
	p := w.start()
	defer p.stop()
	if err := resources.EnsureSubscription(t.Context(), p.engine, caller(), resources.Subscription{ID: subscription, TenantID: tenant, DisplayName: "test"}); err != nil {
		t.Fatal(err)
	}
	p.make("/subscriptions/"+subscription+"/resourceGroups/rg", ``)
	return w
}

const (
	subscription = "6f1a2b3c-0000-4000-8000-000000000001"
	tenant       = "7a0b0c0d-0000-4000-8000-000000000002"
)

func (w *world) Enabled(_ context.Context, _ armid.ID, feature string) (bool, error) {
	return w.features[feature], nil
}

func (w *world) Require(_ context.Context, _ armid.ID, feature string) error {
	if w.features[feature] {
		return nil
	}
	return &rest.Error{Status: 400, Code: "PreviewFeatureNotRegistered", Message: "Preview feature " + feature + " not registered."}
}

func (w *world) Blocking(id armid.ID, _ bool) []string {
	if w.locks[id.ResourceGroup()] {
		return []string{id.String()}
	}
	return nil
}

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
	w.mu.Unlock()
	if err != nil {
		return err
	}
	if err := effect(); err != nil {
		return err
	}
	return w.point(ctx)
}

// change is an effect on what the fakes hold.
func (w *world) change(ctx context.Context, call string, effect func() error) error {
	return w.do(ctx, call, func() error {
		w.mu.Lock()
		defer w.mu.Unlock()
		return effect()
	})
}

// process is one life of the program.
type process struct {
	*world
	ctx        context.Context
	cancel     context.CancelFunc
	engine     *ops.Engine
	registry   *providers.Registry
	provider   *containerservice.Provider
	roles      *authorization.Provider
	machines   *compute.Provider
	identities *managedidentity.Provider
	directory  *directory.Directory
	running    sync.WaitGroup
}

func (w *world) start() *process {
	w.t.Helper()
	w.mu.Lock()
	w.served = map[string]bool{} // listeners ended with the process before
	w.mu.Unlock()
	ctx, cancel := context.WithCancel(w.t.Context())
	p := &process{world: w, ctx: ctx, cancel: cancel, registry: providers.NewRegistry()}
	log := slog.New(slog.DiscardHandler)
	p.engine = ops.New(ops.Options{Store: w.store, Registry: p.registry, Clock: clock.RealClock{}, Log: log})
	box, err := seal.New(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		w.t.Fatal(err)
	}
	people, err := directory.Open(w.t.Context(), directory.Options{Store: w.store, Box: box, Clock: clock.RealClock{}, Log: log})
	if err != nil {
		w.t.Fatal(err)
	}
	if _, _, err := people.EnsureFirstTenant(w.t.Context(), directory.FirstTenantOptions{TenantID: tenant, SubscriptionID: subscription}); err != nil {
		w.t.Fatal(err)
	}
	p.directory = people
	p.roles, err = authorization.New(authorization.Config{Store: w.store, Resources: p.engine, Principals: people, Log: log, Clock: clock.RealClock{}})
	if err != nil {
		w.t.Fatal(err)
	}
	groups := resources.New(p.engine, p.registry, clock.RealClock{})
	networks := network.New(network.Config{Store: w.store, Resources: p.engine, Clock: clock.RealClock{}})
	zones := dns.New(dns.Config{Store: w.store, Resources: p.engine})
	p.identities = managedidentity.New(managedidentity.Config{Directory: people, Resources: p.engine})
	p.machines = compute.New(compute.Config{Store: w.store, Resources: p.engine, Directory: people, Log: log, Clock: clock.RealClock{}})
	options := containerservice.Options{
		Resources: p.engine, Connected: fakeConnected{w}, Connectable: []string{"kind.example:6443"}, Etcd: fakeEtcd{w}, Platform: fakePlatform{w}, Directory: directoryWithPoints{people, w},
		Identities: identitiesWithPoints{p.identities, w}, Roles: rolesWithPoints{p.roles, w}, Addresses: addressesWithPoints{networks, w}, Zones: zonesWithPoints{zones, w},
		Instances: instancesWithPoints{p.machines, w}, Features: w, Locks: w, Box: box, Begin: p.begin, Rules: w.rules, Log: log, Clock: w.clock,
		KubernetesVersion: "1.34.2", OtherVersions: w.versions, IssuerBase: "https://localhost:8443/oidc", Origin: "https://localhost:8443", GuardOrigin: "https://168.63.129.16",
		CACertificates: []byte("CA"), Images: []string{"/images/pause.tar"}, PauseImage: "pause:1",
	}
	if !w.attach {
		options.Engine, options.Simulates = fakeEngine{w}, true
	}
	p.provider = containerservice.New(ctx, options)
	for _, types := range [][]*providers.Type{p.roles.Types(), groups.Types(), networks.Types(), zones.Types(), p.identities.Types(), p.machines.Types(), p.provider.Types()} {
		if err := p.registry.Register(types...); err != nil {
			w.t.Fatal(err)
		}
	}
	for _, load := range []func(context.Context) error{p.roles.Load, p.machines.Load} {
		if err := load(w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
	}
	w.mu.Lock()
	w.kill = cancel
	w.mu.Unlock()
	for _, run := range []func(context.Context) error{people.Run, p.roles.Run, p.machines.Run, p.engine.Run} {
		p.running.Go(func() {
			if err := run(ctx); err != nil && ctx.Err() == nil {
				w.t.Error(err)
			}
		})
	}
	return p
}

func (p *process) begin(ctx context.Context, r *providers.Request) error {
	_, err := p.engine.Commit(ctx, r)
	return err
}

func (p *process) stop() {
	p.cancel()
	p.running.Wait()
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
	return f.change(ctx, "EnsureVNet", func() error { f.vnets[v.ID] = v; return nil })
}

func (f fakeEngine) DeleteVNet(ctx context.Context, id string) error {
	return f.change(ctx, "DeleteVNet", func() error {
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
	return clusters.ControlPlaneStatus{APIServerAddress: netip.MustParseAddrPort("168.63.129.17:443")}, f.change(ctx, "EnsureControlPlane", func() error {
		if _, ok := f.vnets[c.VNetID]; !ok || !f.served[c.VNetID] || !f.etcd[c.ID] {
			return errors.New("the network, its listeners or the etcd user is missing")
		}
		f.planes[c.ID] = c
		return nil
	})
}

func (f fakeEngine) DeleteControlPlane(ctx context.Context, id string) error {
	return f.change(ctx, "DeleteControlPlane", func() error {
		delete(f.planes, id)
		delete(f.sets, id)
		maps.DeleteFunc(f.nodes, func(_ string, n clusters.Node) bool { return n.ClusterID == id })
		return nil
	})
}

func (f fakeEngine) EnsureNode(ctx context.Context, n clusters.Node) error {
	return f.change(ctx, "EnsureNode "+n.Name, func() error {
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
	return f.change(ctx, "DeleteNode "+name, func() error { delete(f.nodes, name); return nil })
}

func (f fakeEngine) EnsureSimulated(ctx context.Context, s clusters.Simulated) error {
	return f.change(ctx, "EnsureSimulated "+s.Pool, func() error {
		if _, ok := f.planes[s.ClusterID]; !ok {
			return errors.New("the control plane is missing")
		}
		if f.simulated == nil {
			f.simulated = map[string]clusters.Simulated{}
		}
		if f.simulated[s.Pool] = s; len(s.Names) == 0 {
			delete(f.simulated, s.Pool)
		}
		return nil
	})
}

func (f fakeEngine) ConfigureCloud(context.Context, string, secret.String) error { return nil }

func (f fakeEngine) DrainNode(ctx context.Context, _, name string, _ clusters.Drain) error {
	return f.change(ctx, "DrainNode "+name, func() error { return nil })
}

func (f fakeEngine) Apply(ctx context.Context, cluster string, set objects.Set) error {
	return f.change(ctx, "Apply "+set.Name, func() error {
		if _, ok := f.planes[cluster]; !ok {
			return errors.New("the control plane is missing")
		}
		if f.sets[cluster] == nil {
			f.sets[cluster] = map[string][]*unstructured.Unstructured{}
		}
		if f.sets[cluster][set.Name] = set.Objects; len(set.Objects) == 0 {
			delete(f.sets[cluster], set.Name)
		}
		return nil
	})
}

func (f fakeEngine) Missing(context.Context, string) ([]string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.missing, nil
}

func (f fakeEngine) ServiceAccountKeys(context.Context, string) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return fmt.Appendf(nil, `{"keys":[%s]}`, strings.Join(slices.Repeat([]string{"{}"}, f.tokenKeys), ",")), nil
}

func (f fakeEngine) StopCluster(ctx context.Context, id string) error {
	return f.change(ctx, "StopCluster", func() error { return nil })
}

func (f fakeEngine) RotateCertificates(ctx context.Context, id, _ string) error {
	return f.change(ctx, "RotateCertificates", func() error { return nil })
}

func (f fakeEngine) RotateTokenKeys(ctx context.Context, id, _ string) error {
	return f.change(ctx, "RotateTokenKeys", func() error { f.tokenKeys++; return nil })
}

func (f fakeEngine) RenewalDue(context.Context, string) (bool, error) { return f.due, nil }

func (f fakeEngine) Troubles(context.Context, string, time.Time) ([]clusters.Trouble, error) {
	return f.troubles, nil
}

func (f fakeEngine) AdminKubeconfig(_ context.Context, id, url string) ([]byte, error) {
	return []byte("admin of " + id + " at " + url), nil
}

func (f fakeEngine) UserKubeconfig(_ context.Context, id, url string) ([]byte, error) {
	return []byte("user of " + id + " at " + url), nil
}

func (f fakeEngine) MonitoringKubeconfig(_ context.Context, id, url string) ([]byte, error) {
	return []byte("monitor of " + id + " at " + url), nil
}

func (f fakeEngine) OpenKubeconfig(_ context.Context, id, url string, proof *api.AuthInfo) ([]byte, error) {
	config := api.NewConfig()
	config.Clusters[id], config.AuthInfos["user"] = &api.Cluster{Server: url}, proof
	return clientcmd.Write(*config)
}

func (f fakeEngine) RelayAPIServer(ctx context.Context, _ string, l net.Listener) error {
	<-ctx.Done()
	return l.Close()
}

type fakeEtcd struct{ *world }

func (f fakeEtcd) Grant(ctx context.Context, cluster string) (clusters.Etcd, error) {
	return clusters.Etcd{Prefix: "/clusters/" + cluster}, f.change(ctx, "etcd.Grant", func() error { f.etcd[cluster] = true; return nil })
}

func (f fakeEtcd) Revoke(ctx context.Context, cluster string) error {
	return f.change(ctx, "etcd.Revoke", func() error {
		if _, runs := f.planes[cluster]; runs {
			return errors.New("the API server still uses it")
		}
		delete(f.etcd, cluster)
		return nil
	})
}

type fakePlatform struct{ *world }

func (f fakePlatform) Serve(ctx context.Context, vnet armid.ID) error {
	return f.change(ctx, "Serve", func() error { f.served[containerservice.VNetKey(vnet)] = true; return nil })
}

func (f fakePlatform) Withdraw(ctx context.Context, vnet armid.ID) error {
	return f.change(ctx, "Withdraw", func() error { delete(f.served, containerservice.VNetKey(vnet)); return nil })
}

func (f fakePlatform) Identify(ctx context.Context, key string, _ armid.ID, whoIs func(context.Context) (containerservice.Principal, error)) error {
	return f.change(ctx, "Identify", func() error { f.acts[key] = whoIs; return nil })
}

func (f fakePlatform) Disown(ctx context.Context, key string) error {
	return f.change(ctx, "Disown", func() error { delete(f.acts, key); return nil })
}

// What follows are the real providers, with points at which the process can die around each call.

type directoryWithPoints struct {
	*directory.Directory
	*world
}

func (d directoryWithPoints) DeleteManagedIdentity(ctx context.Context, id armid.ID) error {
	return d.do(ctx, "directory.Delete", func() error { return d.Directory.DeleteManagedIdentity(ctx, id) })
}

type identitiesWithPoints struct {
	*managedidentity.Provider
	*world
}

func (i identitiesWithPoints) Ensure(ctx context.Context, by providers.Caller, id armid.ID, location string, tags map[string]string) (made *resource.Resource, err error) {
	err = i.do(ctx, "identities.Ensure", func() (err error) { made, err = i.Provider.Ensure(ctx, by, id, location, tags); return err })
	return made, err
}

type rolesWithPoints struct {
	*authorization.Provider
	*world
}

func (r rolesWithPoints) Grant(ctx context.Context, g authorization.Grant) (made *resource.Resource, err error) {
	err = r.do(ctx, "roles.Grant", func() (err error) { made, err = r.Provider.Grant(ctx, g); return err })
	return made, err
}

func (r rolesWithPoints) Revoke(ctx context.Context, g authorization.Grant) error {
	return r.do(ctx, "roles.Revoke", func() error { return r.Provider.Revoke(ctx, g) })
}

type addressesWithPoints struct {
	*network.Provider
	*world
}

func (a addressesWithPoints) Allocate(ctx context.Context, subnet armid.ID, owner string, bits int) (p netip.Prefix, err error) {
	err = a.do(ctx, "Allocate", func() (err error) { p, err = a.Provider.Allocate(ctx, subnet, owner, bits); return err })
	return p, err
}

func (a addressesWithPoints) Ensure(ctx context.Context, by providers.Caller, next *resource.Resource) (made *resource.Resource, err error) {
	err = a.do(ctx, "Ensure "+next.ID.Name(), func() (err error) { made, err = a.Provider.Ensure(ctx, by, next); return err })
	return made, err
}

func (a addressesWithPoints) Release(ctx context.Context, subnet armid.ID, owner string) error {
	return a.do(ctx, "Release", func() error { return a.Provider.Release(ctx, subnet, owner) })
}

type zonesWithPoints struct {
	*dns.Provider
	*world
}

func (z zonesWithPoints) Ensure(ctx context.Context, by providers.Caller, next *resource.Resource) (made *resource.Resource, err error) {
	err = z.do(ctx, "Ensure "+next.ID.Name(), func() (err error) { made, err = z.Provider.Ensure(ctx, by, next); return err })
	return made, err
}

type instancesWithPoints struct {
	*compute.Provider
	*world
}

func (i instancesWithPoints) EnsureInstance(ctx context.Context, by providers.Caller, set armid.ID, instance compute.Instance) error {
	return i.do(ctx, "EnsureInstance", func() error { return i.Provider.EnsureInstance(ctx, by, set, instance) })
}

func (i instancesWithPoints) DeleteInstance(ctx context.Context, by providers.Caller, set armid.ID, number int) error {
	return i.do(ctx, "DeleteInstance", func() error { return i.Provider.DeleteInstance(ctx, by, set, number) })
}

func keys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

package containerservice_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/ops"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/clusters"
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
	versions  []string          // besides the default one
	features  map[string]bool   // those that are registered
	locks     map[string]string // levels of locks, by the name of the resource group that they are in
	attach    bool              // the process runs no clusters of its own
	far       *farCluster       // the cluster that can be connected

	simulated map[string]clusters.Simulated // by pool

	clock  clock.Clock // the provider's; nil: one that doesn't wait long
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

func (w *world) Blocking(id armid.ID, deleting bool) []string {
	if level := w.locks[id.ResourceGroup()]; level == "ReadOnly" || level == "CanNotDelete" && deleting {
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

// hurried is the real time, in which whoever waits before trying again has waited a hundredth as long.
type hurried struct{ clock.RealClock }

func (h hurried) After(d time.Duration) <-chan time.Time { return h.RealClock.After(d / 100) }

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
	if w.clock == nil {
		w.clock = hurried{}
	}
	w.mu.Unlock()
	ctx, cancel := context.WithCancel(w.t.Context())
	p := &process{world: w, ctx: ctx, cancel: cancel, registry: providers.NewRegistry()}
	log := slog.New(slog.DiscardHandler)
	p.engine = ops.New(ops.Options{Store: w.store, Registry: p.registry, Clock: hurried{}, Log: log})
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
		Store: w.store, Resources: p.engine, Connected: fakeConnected{w}, Connectable: []string{"kind.example:6443"}, Etcd: fakeEtcd{w}, Platform: fakePlatform{w}, Directory: directoryWithPoints{people, w},
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
	for _, load := range []func(context.Context) error{p.roles.Load, p.machines.Load, p.provider.Load} {
		if err := load(w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
	}
	w.mu.Lock()
	w.kill = cancel
	w.mu.Unlock()
	for _, run := range []func(context.Context) error{people.Run, p.roles.Run, p.machines.Run, p.provider.Follow, p.engine.Run} {
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

func keys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

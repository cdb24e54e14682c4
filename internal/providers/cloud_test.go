package providers_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/activity"
	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/ops"
	"github.com/lanyard-project/lanyard/internal/arm/pipeline"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/directory"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/providers/authorization"
	"github.com/lanyard-project/lanyard/internal/providers/compute"
	"github.com/lanyard-project/lanyard/internal/providers/containerregistry"
	"github.com/lanyard-project/lanyard/internal/providers/deployments"
	"github.com/lanyard-project/lanyard/internal/providers/dns"
	"github.com/lanyard-project/lanyard/internal/providers/features"
	"github.com/lanyard-project/lanyard/internal/providers/insights"
	"github.com/lanyard-project/lanyard/internal/providers/keyvault"
	"github.com/lanyard-project/lanyard/internal/providers/locks"
	"github.com/lanyard-project/lanyard/internal/providers/managedidentity"
	"github.com/lanyard-project/lanyard/internal/providers/network"
	"github.com/lanyard-project/lanyard/internal/providers/operationalinsights"
	"github.com/lanyard-project/lanyard/internal/providers/registration"
	"github.com/lanyard-project/lanyard/internal/providers/resources"
	"github.com/lanyard-project/lanyard/internal/providers/servicebus"
	"github.com/lanyard-project/lanyard/internal/providers/shape"
	"github.com/lanyard-project/lanyard/internal/providers/storage"
	"github.com/lanyard-project/lanyard/internal/seal"
	"github.com/lanyard-project/lanyard/internal/store"
	"github.com/lanyard-project/lanyard/internal/store/storetest"
)

// The cloud of these tests: the real pipeline, engine, store, providers and
// directory behind TLS. Only who a token stands for is a stand-in.

const (
	tenant       = "aaaaaaaa-0000-0000-0000-000000000001"
	subscription = "bbbbbbbb-0000-0000-0000-000000000002"
	ownerID      = "cccccccc-0000-0000-0000-000000000003"
	guestID      = "dddddddd-0000-0000-0000-000000000004"
	ownerRole    = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
	location     = "westus2"
)

type fixture struct {
	testing.TB
	server        *httptest.Server
	store         *store.Store
	registry      *providers.Registry
	engine        *ops.Engine
	directory     *directory.Directory
	authorization *authorization.Provider
	network       *network.Provider
	compute       *compute.Provider
	identities    *managedidentity.Provider
	features      *features.Provider
	clock         *shiftedClock
	propagation   time.Duration
	admin         providers.Caller
}

// shiftedClock is the machine's, moved ahead by a test.
type shiftedClock struct {
	clock.RealClock
	ahead atomic.Int64
}

func (c *shiftedClock) Now() time.Time { return c.RealClock.Now().Add(time.Duration(c.ahead.Load())) }

func (c *shiftedClock) pass(d time.Duration) { c.ahead.Add(int64(d)) }

func newCloud(t testing.TB) *fixture {
	t.Helper()
	return newCloudWith(t, 0)
}

// newCloudWith is a cloud whose role assignments take a while to propagate.
func newCloudWith(t testing.TB, propagation time.Duration) *fixture {
	t.Helper()
	s := storetest.New(t)
	log := slog.New(slog.DiscardHandler)
	registry := providers.NewRegistry()
	done := activity.New(s, clock.RealClock{}, log)
	engine := ops.New(ops.Options{Store: s, Registry: registry, Clock: clock.RealClock{}, Log: log, Record: func(e ops.Event) {
		if event, ok := e.Activity(registry); ok {
			done.Add(event)
		}
	}})
	f := &fixture{TB: t, store: s, registry: registry, engine: engine, clock: &shiftedClock{}, propagation: propagation,
		admin: providers.Caller{TenantID: tenant, ObjectID: ownerID, AppID: ownerID, Type: "Application"}}

	box, err := seal.New(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	f.directory, err = directory.Open(t.Context(), directory.Options{Store: s, Box: box, Clock: clock.RealClock{}, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	f.run(func(context.Context) error { return nil }, f.directory.Run)
	if _, _, err := f.directory.EnsureFirstTenant(t.Context(), directory.FirstTenantOptions{TenantID: tenant, SubscriptionID: subscription}); err != nil {
		t.Fatal(err)
	}
	f.authorization, err = authorization.New(authorization.Config{
		Store: s, Resources: engine, Principals: f.directory, Log: log, Clock: f.clock, Registry: registry, Propagation: f.propagation,
	})
	if err != nil {
		t.Fatal(err)
	}
	f.identities = managedidentity.New(managedidentity.Config{Directory: f.directory, Resources: engine})
	f.compute = compute.New(compute.Config{Store: s, Resources: engine, Directory: f.directory, Log: log, Clock: clock.RealClock{}})
	f.network = network.New(network.Config{Store: s, Resources: engine, Machines: f.compute})
	f.features = features.New(features.Config{Store: s, Resources: engine, Clock: f.clock, Takes: registration.Takes})
	arm := resources.New(engine, registry, f.clock)
	var send func(context.Context, providers.Caller, deployments.Call) rest.Response
	templates := deployments.New(deployments.Config{
		Resources: engine, Registry: registry, Clock: f.clock, Box: box, Origin: "https://localhost:8443", Check: f.authorization.Check,
		Send: func(ctx context.Context, caller providers.Caller, call deployments.Call) rest.Response {
			return send(ctx, caller, call)
		},
	})
	locked := locks.New(locks.Config{Store: s, Log: log, Clock: f.clock})
	aks := &providers.Type{Namespace: "Microsoft.ContainerService", Name: "managedClusters", APIVersions: []string{"2024-09-01"}, Levels: providers.AtGroup, Tracked: true}
	if err := registry.Register(aks); err != nil {
		t.Fatal(err)
	}
	deps := shape.Deps{Store: s, Resources: engine, Identities: managedidentity.Carrier{Directory: f.directory, Resources: engine}}
	keys := shape.Keyring{Box: box}
	for _, types := range [][]*providers.Type{arm.Types(), f.features.Types(), locked.Types(), templates.Types(), f.authorization.Types(), f.identities.Types(), f.network.Types(), f.compute.Types(),
		dns.New(dns.Config{Store: s, Resources: engine}).Types(),
		containerregistry.New(containerregistry.Config{Deps: deps, Keys: keys}).Types(), storage.New(storage.Config{Deps: deps, Keys: keys}).Types(),
		servicebus.New(servicebus.Config{Deps: deps, Keys: keys}).Types(), operationalinsights.New(operationalinsights.Config{Deps: deps, Keys: keys}).Types(),
		insights.New(insights.Config{Log: done, Authorizer: f.authorization, Clock: clock.RealClock{}}).Types(),
		keyvault.New(keyvault.Config{Deps: deps, TenantOf: func(string) string { return tenant }}).Types()} {
		if err := registry.Register(types...); err != nil {
			t.Fatal(err)
		}
	}
	f.run(f.authorization.Load, f.authorization.Run)
	f.run(f.compute.Load, f.compute.Run)
	f.run(func(context.Context) error { return nil }, done.Run)
	f.run(locked.Load, locked.Run)

	sub := &resource.Resource{ID: armid.Subscription(subscription)}
	if err := sub.SetInternal(map[string]string{"tenantId": tenant}); err != nil {
		t.Fatal(err)
	}
	for _, r := range []*resource.Resource{sub, {ID: group("g"), Location: location}, {ID: group("nodes"), Location: location}} {
		if _, err := engine.Create(t.Context(), f.admin, r, nil); err != nil {
			t.Fatal(err)
		}
	}
	f.grant(ownerID, ownerRole, sub.ID)

	p := pipeline.New(pipeline.Options{
		Registry: registry, Engine: engine, Authenticator: names{}, Authorizer: f.authorization, Locks: locked, DefaultTenant: tenant, Clock: f.clock, Log: log,
		Record: func(e pipeline.Entry) {
			if event, ok := e.Activity(); ok {
				done.Add(event)
			}
		},
	})
	send = func(ctx context.Context, caller providers.Caller, call deployments.Call) rest.Response {
		return p.HandleAs(ctx, caller, pipeline.Call{
			Method: call.Method, Path: call.Path, Query: url.Values{"api-version": {call.Version}}, Header: http.Header{},
			Body: bytes.NewReader(call.Body), Origin: "https://localhost:8443",
		})
	}
	f.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		write(w, p.Handle(r.Context(), pipeline.Call{
			Method: r.Method, Path: r.URL.Path, Query: r.URL.Query(), Header: r.Header, Body: r.Body, Origin: "https://" + r.Host,
		}))
	}))
	// armauthorization sends filters with blanks unencoded, which only HTTP/2 can carry.
	f.server.EnableHTTP2 = true
	f.server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	f.server.StartTLS()
	t.Cleanup(f.server.Close)
	return f
}

func (f *fixture) run(load, run func(context.Context) error) {
	f.Helper()
	if err := load(f.Context()); err != nil {
		f.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := run(ctx); err != nil && !errors.Is(err, context.Canceled) {
			f.Errorf("following the store: %v", err)
		}
	}()
	f.Cleanup(func() { cancel(); <-done })
}

func group(name string) armid.ID { return armid.ResourceGroup(subscription, name) }

func (f *fixture) grant(principal, role string, scope armid.ID) *resource.Resource {
	f.Helper()
	r, err := f.authorization.Grant(f.Context(), authorization.Grant{By: f.admin, Scope: scope, Role: role, PrincipalID: principal})
	if err != nil {
		f.Fatal(err)
	}
	return r
}

// as are the options of SDK clients that sign in as the principal.
func (f *fixture) as(principal string) (azcore.TokenCredential, *arm.ClientOptions) {
	return bearer(principal), &arm.ClientOptions{
		DisableRPRegistration: true,
		ClientOptions: policy.ClientOptions{
			Transport: f.server.Client(),
			Retry:     policy.RetryOptions{MaxRetries: -1},
			Cloud: cloud.Configuration{Services: map[cloud.ServiceName]cloud.ServiceConfiguration{
				cloud.ResourceManager: {Endpoint: f.server.URL, Audience: "https://management.azure.com/"},
			}},
		},
	}
}

// call sends a request as it would stand in a recording, and returns the answer.
func (f *fixture) call(principal, method, path, body string) (int, map[string]any) {
	f.Helper()
	var in io.Reader
	if body != "" {
		in = bytes.NewReader([]byte(body))
	}
	r, err := http.NewRequestWithContext(f.Context(), method, f.server.URL+path, in)
	if err != nil {
		f.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+principal)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := f.server.Client().Do(r)
	if err != nil {
		f.Fatal(err)
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	if err != nil {
		f.Fatal(err)
	}
	var out map[string]any
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &out); err != nil {
			f.Fatalf("%s %s: %v in %s", method, path, err, raw)
		}
	}
	return answer.StatusCode, out
}

// must is call for a request that has to succeed.
func (f *fixture) must(status int, method, path, body string) map[string]any {
	f.Helper()
	got, out := f.call(ownerID, method, path, body)
	if got != status {
		f.Fatalf("%s %s: status %d, want %d: %v", method, path, got, status, out)
	}
	return out
}

// refused is call for a request that has to fail, and returns the error's text.
func (f *fixture) refused(principal string, status int, code, method, path, body string) string {
	f.Helper()
	got, out := f.call(principal, method, path, body)
	e, enveloped := out["error"].(map[string]any)
	if !enveloped {
		e = out
	}
	if got != status || e["code"] != code {
		f.Fatalf("%s %s: status %d, %v; want %d %s", method, path, got, out, status, code)
	}
	return e["message"].(string)
}

// names takes the bearer token for the object ID of the caller.
type names struct{}

func (names) Verify(_ context.Context, token string) (providers.Caller, error) {
	return providers.Caller{TenantID: tenant, ObjectID: token, AppID: token, Type: "Application"}, nil
}

type bearer string

func (b bearer) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: string(b)}, nil
}

func write(w http.ResponseWriter, r rest.Response) {
	for name, values := range r.Header {
		w.Header()[name] = values
	}
	if r.Body != nil {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
	}
	w.WriteHeader(r.Status)
	if r.Body != nil {
		_ = json.NewEncoder(w).Encode(r.Body) // a client that went away
	}
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func realClock() clock.Clock { return clock.RealClock{} }

func toJSON(t testing.TB, value any) string {
	t.Helper()
	raw, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func callerOf(principal string) providers.Caller {
	return providers.Caller{TenantID: tenant, ObjectID: principal}
}

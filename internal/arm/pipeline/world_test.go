package pipeline_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/ops"
	"github.com/lanyard-project/lanyard/internal/arm/pipeline"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/providers/resources"
	"github.com/lanyard-project/lanyard/internal/store/storetest"
)

const (
	tenant       = "7e9f3a52-0000-4000-8000-000000000001"
	otherTenant  = "7e9f3a52-0000-4000-8000-000000000002"
	subscription = "5c1b0e9a-0000-4000-8000-000000000001"
	foreign      = "5c1b0e9a-0000-4000-8000-000000000002"
	sub          = "/subscriptions/" + subscription
	origin       = "https://localhost:8443"
	version      = "2024-01-01"
)

// world is a pipeline over a real store with one toy provider.
type world struct {
	pipeline *pipeline.Pipeline
	engine   *ops.Engine
	toys     *toys
	rules    *rules
	mu       sync.Mutex
	entries  []pipeline.Entry
}

func newWorld(t testing.TB) *world {
	t.Helper()
	s := storetest.New(t)
	registry := providers.NewRegistry()
	log := slog.New(slog.DiscardHandler)
	w := &world{rules: &rules{}}
	w.engine = ops.New(ops.Options{Store: s, Registry: registry, Clock: clock.RealClock{}, Log: log})
	w.toys = &toys{gate: make(chan struct{})}
	close(w.toys.gate)
	if err := registry.Register(append(resources.New(w.engine, registry, clock.RealClock{}).Types(), w.toys.types()...)...); err != nil {
		t.Fatal(err)
	}
	w.pipeline = pipeline.New(pipeline.Options{
		Registry: registry, Engine: w.engine, Authenticator: tokens{}, Authorizer: w.rules, DefaultTenant: tenant, Clock: clock.RealClock{}, Log: log,
		Record: func(e pipeline.Entry) { w.mu.Lock(); w.entries = append(w.entries, e); w.mu.Unlock() },
	})
	for id, of := range map[string]string{subscription: tenant, foreign: otherTenant} {
		if err := resources.EnsureSubscription(t.Context(), w.engine, providers.Caller{}, resources.Subscription{ID: id, TenantID: of, DisplayName: "test"}); err != nil {
			t.Fatal(err)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = w.engine.Run(ctx) }()
	t.Cleanup(func() { stop(); <-done })
	return w
}

// answer is a response with its body as text.
type answer struct {
	status int
	header http.Header
	body   string
	doc    map[string]any
}

func (w *world) do(t *testing.T, method, path, body string, header ...string) answer {
	t.Helper()
	target, err := url.Parse(path)
	if err != nil {
		t.Fatal(err)
	}
	if query := target.Query(); !query.Has("api-version") {
		query.Set("api-version", version)
		if !strings.Contains(strings.ToLower(path), "/providers/toys.test") {
			query.Set("api-version", "2021-04-01")
		}
		target.RawQuery = query.Encode()
	}
	h := http.Header{"Authorization": {"Bearer owner"}, "Content-Type": {"application/json"}}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	r := w.pipeline.Handle(t.Context(), pipeline.Call{
		Method: method, Path: target.Path, Query: target.Query(), Header: h, Body: strings.NewReader(body), Origin: origin, RequestID: "r",
	})
	return render(t, r)
}

func render(t *testing.T, r rest.Response) answer {
	t.Helper()
	a := answer{status: r.Status, header: r.Header}
	if r.Body != nil {
		raw, err := json.Marshal(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		a.body = string(raw)
		_ = json.Unmarshal(raw, &a.doc)
	}
	return a
}

func (a answer) code() string {
	e, _ := a.doc["error"].(map[string]any)
	code, _ := e["code"].(string)
	return code
}

func (a answer) message() string {
	e, _ := a.doc["error"].(map[string]any)
	message, _ := e["message"].(string)
	return message
}

func (a answer) at(path string) any {
	var at any = a.doc
	for name := range strings.SplitSeq(path, ".") {
		object, _ := at.(map[string]any)
		at = object[name]
	}
	return at
}

func (w *world) want(t *testing.T, a answer, status int) answer {
	t.Helper()
	if a.status != status {
		t.Fatalf("status %d in place of %d: %s", a.status, status, a.body)
	}
	return a
}

func (w *world) group(t *testing.T, name string) string {
	t.Helper()
	w.want(t, w.do(t, "PUT", sub+"/resourcegroups/"+name, `{"location":"East US"}`), 201)
	return sub + "/resourceGroups/" + name
}

// tokens are the names of callers.
type tokens struct{}

func (tokens) Verify(_ context.Context, bearer string) (providers.Caller, error) {
	switch bearer {
	case "expired":
		return providers.Caller{}, &pipeline.BadToken{Problem: pipeline.ExpiredToken, Expired: time.Date(2018, 8, 21, 15, 22, 0, 0, time.UTC)}
	case "audience":
		return providers.Caller{}, &pipeline.BadToken{Problem: pipeline.WrongAudience, Audience: "https://vault.azure.net"}
	case "forged":
		return providers.Caller{}, &pipeline.BadToken{}
	case "stranger":
		return providers.Caller{TenantID: otherTenant, ObjectID: "stranger", AppID: "stranger-app", Type: "Application"}, nil
	}
	return providers.Caller{TenantID: tenant, ObjectID: bearer, AppID: bearer + "-app", Type: "Application"}, nil
}

// rules are: owner and stranger may do everything, others what was granted.
type rules struct {
	mu      sync.Mutex
	granted []string // "principal action scope-key"
}

func (r *rules) grant(principal, action, scope string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.granted = append(r.granted, principal+" "+strings.ToLower(action)+" "+strings.ToLower(scope))
}

func (r *rules) Check(_ context.Context, caller providers.Caller, action string, scope armid.ID) (bool, string) {
	if caller.ObjectID == "owner" || caller.ObjectID == "stranger" {
		return true, "owner"
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for at := range scope.Scopes() {
		if slices.Contains(r.granted, caller.ObjectID+" "+strings.ToLower(action)+" "+at.Key()) {
			return true, "granted"
		}
	}
	return false, ""
}

// toys is a provider: boxes take their time, balls don't.
type toys struct {
	mu    sync.Mutex
	gate  chan struct{} // steps wait for it
	runs  int
	calls []string
}

func (p *toys) hold() func() {
	p.mu.Lock()
	defer p.mu.Unlock()
	gate := make(chan struct{})
	p.gate = gate
	return func() { close(gate) }
}

func (p *toys) types() []*providers.Type {
	return []*providers.Type{
		{
			Namespace: "Toys.Test", Name: "balls", APIVersions: []string{"2023-01-01", version}, Levels: providers.AtGroup, Tracked: true,
			ListBySubscription: true, ShowETag: true, HideState: true, AlwaysTags: true, GroupSegment: "resourcegroups",
			Prepare: func(_ context.Context, r *providers.Request) error {
				v, err := resource.Read[struct{ Color, In string }](r.Next)
				if err != nil {
					return rest.InvalidRequestContent(err.Error())
				}
				if v.Color == "invisible" {
					return rest.InvalidParameter("No such color.", "color")
				}
				if v.In != "" {
					r.Link("Toys.Test/boxes/put/action", armid.MustParse(v.In))
				}
				return nil
			},
		},
		{Namespace: "Toys.Test", Name: "balls/dots", APIVersions: []string{version}, Levels: providers.AtGroup},
		{
			Namespace: "Toys.Test", Name: "boxes", APIVersions: []string{version}, Levels: providers.AtGroup, Tracked: true, References: []string{"Toys.Test/balls"},
			Admit:  func(_ context.Context, r *providers.Request) error { return r.Start("build", map[string]int{"n": 2}) },
			Remove: func(_ context.Context, r *providers.Request) error { return r.Start("burn", nil) },
			Plans: []providers.Plan{
				{Name: "build", Steps: []providers.Step{{Name: "wait", Run: p.wait}, {Name: "write", Run: p.write}}},
				{Name: "burn", Steps: []providers.Step{{Name: "wait", Run: p.wait}}},
			},
			Actions: []providers.Action{{Name: "open", Run: func(_ context.Context, r *providers.Request) (rest.Response, error) {
				return rest.OK(map[string]string{"opened": r.Old.ID.Name()}), nil
			}}},
		},
		{Namespace: "Toys.Test", Name: "labels", APIVersions: []string{version}, Levels: providers.AtAnyScope},
	}
}

func (p *toys) wait(ctx context.Context, r *providers.Run) error {
	p.mu.Lock()
	gate := p.gate
	p.runs++
	p.calls = append(p.calls, "wait "+r.ID.Name())
	p.mu.Unlock()
	select {
	case <-gate:
	case <-ctx.Done():
		return ctx.Err()
	}
	if current, err := r.Resource(ctx); err == nil && strings.Contains(string(current.Properties), "break") {
		return rest.NewError(http.StatusConflict, "BoxBroke", "The box broke.")
	}
	return nil
}

func (p *toys) write(ctx context.Context, r *providers.Run) error {
	var args struct{ N int }
	if err := r.ReadArgs(&args); err != nil {
		return err
	}
	_, err := r.Update(ctx, func(b *resource.Resource) error { return b.Set("built.sides", args.N*3) })
	return err
}

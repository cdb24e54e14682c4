package serve_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/imds"
	"github.com/lanyard-project/lanyard/internal/node/attest"
	"github.com/lanyard-project/lanyard/internal/node/grant"
	"github.com/lanyard-project/lanyard/internal/node/notice"
	"github.com/lanyard-project/lanyard/internal/node/pods"
	"github.com/lanyard-project/lanyard/internal/node/serve"
	"github.com/lanyard-project/lanyard/internal/node/source"
	"github.com/lanyard-project/lanyard/internal/node/tokencache"
	"github.com/lanyard-project/lanyard/internal/secret"
)

const target = "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fmanagement.azure.com%2F"

// rig is a handler whose surroundings a test sets.
type rig struct {
	mu       sync.Mutex
	changed  chan struct{}
	known    bool
	fact     pods.Fact
	assigned []grant.Assigned
	sandbox  pods.Sandbox
	fetch    func(imds.Selector) (tokencache.Token, error)

	options  serve.Options
	registry *prometheus.Registry
	stale    bool
	told     []string
}

var demo = grant.Identity{ClientID: "c1", ResourceID: "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/1"}

func newRig(tb testing.TB, audit io.Writer) *rig {
	tb.Helper()
	clk := clock.RealClock{}
	r := &rig{
		changed: make(chan struct{}), known: true, registry: prometheus.NewRegistry(),
		fact: pods.Fact{UID: "u", Namespace: "my-app", Name: "web", Label: "demo", ServiceAccount: "default", Created: time.Now()},
		assigned: []grant.Assigned{{
			Identity: demo, IdentityName: "demo", IdentityNamespace: "my-app", Selector: "demo", State: grant.StateAssigned,
		}},
		sandbox: pods.Sandbox{ID: "s", UID: "u", Namespace: "my-app", Name: "web"},
	}
	r.fetch = func(imds.Selector) (tokencache.Token, error) {
		return tokencache.Token{
			Access: secret.New("the-token"), Type: "Bearer", ClientID: "C1", ObjectID: "o1", ExpiresOn: time.Now().Add(time.Hour),
		}, nil
	}
	r.options = serve.Options{
		Prover: &attest.Prover{Sandboxes: sandboxes{r}, Refresh: func() {}, Clock: clk, Patience: 10 * time.Millisecond},
		Facts:  facts{r}, Assignments: assignments{r}, Exceptions: exceptions{r}, Source: fakeSource{r},
		Cache:   tokencache.New(tb.Context(), clk, tokencache.Options{}),
		Metrics: serve.NewMetrics(r.registry), Audit: slog.New(slog.NewJSONHandler(audit, nil)), Clock: clk,
		Policy:   grant.Policy{Young: time.Minute, NodeAccounts: map[string]bool{"my-app/mic": true}},
		Patience: 100 * time.Millisecond, Fresh: func() bool { return !r.stale },
		Tell: func(pod notice.Pod, reason, message string) {
			r.told = append(r.told, pod.Name+" "+reason+": "+message)
		},
	}
	return r
}

// set changes the surroundings and wakes whoever waits for a change.
func (r *rig) set(change func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change()
	close(r.changed)
	r.changed = make(chan struct{})
}

func (r *rig) changes() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.changed
}

// The fakes answer one question each.
type (
	sandboxes   struct{ *rig }
	facts       struct{ *rig }
	assignments struct{ *rig }
	exceptions  struct{ *rig }
	fakeSource  struct{ *rig }
)

func (s sandboxes) At(pods.Binding) (pods.Sandbox, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sandbox, s.sandbox.ID != ""
}
func (s sandboxes) Known(pods.Binding) (iface, address bool) { return false, false }
func (s sandboxes) Changed() <-chan struct{}                 { return s.changes() }
func (s sandboxes) Synced() bool                             { return true }

func (f facts) Get(string) (pods.Fact, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fact, f.known
}
func (f facts) Changed() <-chan struct{} { return f.changes() }
func (f facts) Synced() bool             { return true }

func (a assignments) Of(grant.Pod) []grant.Assigned {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.assigned
}
func (a assignments) Changed() <-chan struct{} { return a.changes() }
func (a assignments) Synced() bool             { return true }

func (e exceptions) Of(string, map[string]string) string { return "" }
func (e exceptions) Changed() <-chan struct{}            { return e.changes() }
func (e exceptions) Synced() bool                        { return true }

func (s fakeSource) Token(_ context.Context, selector imds.Selector, _ string, _ bool) (tokencache.Token, error) {
	return s.fetch(selector)
}
func (s fakeSource) Instance(context.Context, imds.Request) (source.Document, error) {
	return source.Document{Body: []byte(`{"compute":{}}`)}, nil
}
func (s fakeSource) Info(context.Context) (source.Document, error) {
	return source.Document{Body: []byte(`{"tenantId":"t"}`)}, nil
}

// request is one as it comes from a proven connection.
func request(path string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Header.Set("Metadata", "true")
	origin := pods.Binding{Interface: 7, Address: netip.MustParseAddr("10.0.0.5")}
	return r.WithContext(serve.WithOrigin(r.Context(), origin))
}

func (r *rig) ask(path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	serve.NewProven(r.options).ServeHTTP(w, request(path))
	return w
}

func BenchmarkTokenHit(b *testing.B) {
	rig := newRig(b, io.Discard)
	handler := serve.NewProven(rig.options)
	r := request(target)
	b.ReportAllocs()
	for b.Loop() {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
	}
}

// discard takes an answer that nobody looks at.
type discard struct{}

func (discard) Header() http.Header         { return http.Header{} }
func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) WriteHeader(int)             {}

func check(t *testing.T, handler http.Handler, r *http.Request, status int, body, retryAfter string) {
	t.Helper()
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	if w.Code != status || !strings.Contains(w.Body.String(), body) || w.Header().Get("Retry-After") != retryAfter {
		t.Errorf("got %d, Retry-After %q, %s; want %d, %q, …%s…", w.Code, w.Header().Get("Retry-After"), w.Body, status, retryAfter, body)
	}
	if strings.Contains(w.Body.String(), "the-inner-detail") {
		t.Errorf("the answer tells the source's inner detail: %s", w.Body)
	}
}

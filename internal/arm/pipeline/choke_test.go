package pipeline_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"k8s.io/utils/clock"
	"log/slog"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/ops"
	"github.com/lanyard-project/lanyard/internal/arm/pipeline"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/providers/resources"
	"github.com/lanyard-project/lanyard/internal/store/storetest"
)

// TestNoProviderIsReachedWithoutADecision calls every operation of types all of
// whose functions would tell of it, as nobody, with bad tokens, and as somebody
// without rights.
func TestNoProviderIsReachedWithoutADecision(t *testing.T) {
	s := storetest.New(t)
	registry := providers.NewRegistry()
	log := slog.New(slog.DiscardHandler)
	engine := ops.New(ops.Options{Store: s, Registry: registry, Clock: clock.RealClock{}, Log: log})
	reached := ""
	hook := func(name string) func(context.Context, *providers.Request) error {
		return func(context.Context, *providers.Request) error { reached += name + " "; return nil }
	}
	run := func(context.Context, *providers.Request) (rest.Response, error) {
		reached += "action "
		return rest.Empty(200), nil
	}
	tell := &providers.Type{
		Namespace: "Spy.Test", Name: "spies", APIVersions: []string{version}, Levels: providers.AtAnyScope,
		Prepare: hook("prepare"), Admit: hook("admit"), Remove: hook("remove"),
		Get: func(context.Context, *providers.Request) (*resource.Resource, error) {
			reached += "get "
			return nil, nil
		},
		List: func(context.Context, *providers.Request) ([]*resource.Resource, error) {
			reached += "list "
			return nil, nil
		},
		Actions: []providers.Action{{Name: "act", Run: run}, {Name: "gather", OnCollection: true, Run: run}, {Name: "look", Method: http.MethodGet, Run: run}},
	}
	if err := registry.Register(append(resources.New(engine, registry, clock.RealClock{}).Types(), tell)...); err != nil {
		t.Fatal(err)
	}
	if err := resources.EnsureSubscription(t.Context(), engine, providers.Caller{}, resources.Subscription{ID: subscription, TenantID: tenant}); err != nil {
		t.Fatal(err)
	}
	group := &resource.Resource{ID: armid.ResourceGroup(subscription, "g")}
	if _, err := engine.Create(t.Context(), providers.Caller{}, group, nil); err != nil {
		t.Fatal(err)
	}
	p := pipeline.New(pipeline.Options{Registry: registry, Engine: engine, Authenticator: tokens{}, Authorizer: &rules{}, DefaultTenant: tenant, Clock: clock.RealClock{}, Log: log})
	callers := map[string]int{"": 401, "Basic x": 401, "Bearer ": 401, "Bearer expired": 401, "Bearer audience": 401, "Bearer forged": 401, "Bearer stranger": 401, "Bearer mia": 403}
	for _, scope := range []string{sub, sub + "/resourceGroups/g"} {
		base := scope + "/providers/Spy.Test/spies"
		for _, c := range []string{"GET " + base, "GET " + base + "/x", "HEAD " + base + "/x", "PUT " + base + "/x", "PATCH " + base + "/x", "DELETE " + base + "/x",
			"POST " + base + "/x/act", "POST " + base + "/gather", "GET " + base + "/x/look"} {
			method, path, _ := strings.Cut(c, " ")
			for authorization, want := range callers {
				r := p.Handle(t.Context(), pipeline.Call{
					Method: method, Path: path, Query: url.Values{"api-version": {version}}, Body: strings.NewReader(`{"location":"eastus"}`),
					Header: http.Header{"Authorization": {authorization}}, Origin: origin,
				})
				if r.Status != want {
					t.Errorf("%s as %q: %d in place of %d", c, authorization, r.Status, want)
				}
			}
		}
	}
	if reached != "" {
		t.Errorf("reached %s", reached)
	}
	r := p.Handle(t.Context(), pipeline.Call{Method: "POST", Path: sub + "/providers/Spy.Test/spies/gather", Query: url.Values{"api-version": {version}},
		Header: http.Header{"Authorization": {"Bearer owner"}}, Origin: origin})
	if r.Status != 200 || reached != "action " {
		t.Errorf("the spies don't tell: %d %q", r.Status, reached)
	}
}

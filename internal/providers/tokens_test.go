package providers_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/utils/clock"
	testclock "k8s.io/utils/clock/testing"

	"github.com/lanyard-project/lanyard/internal/arm/pipeline"
	"github.com/lanyard-project/lanyard/internal/keys"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/seal"
	"github.com/lanyard-project/lanyard/internal/store/storetest"
	"github.com/lanyard-project/lanyard/internal/tokens"
)

const (
	cloudOrigin      = "https://localhost:8443"
	resourcesVersion = "?api-version=2021-04-01"
	armAudience      = "https://management.azure.com/"
)

// ring makes signing keys at a time.
func (f *fixture) ring(at time.Time) *keys.Ring {
	f.Helper()
	box, err := seal.New(bytes.Repeat([]byte{9}, 32))
	if err != nil {
		f.Fatal(err)
	}
	ring, err := keys.Open(f.Context(), keys.Options{Store: storetest.New(f), Box: box, Clock: testclock.NewFakeClock(at), Log: quiet()})
	if err != nil {
		f.Fatal(err)
	}
	return ring
}

// badTokens are all kinds of tokens that open nothing, each as good as can be otherwise.
func (f *fixture) badTokens(ring *keys.Ring, now time.Time) map[string]string {
	f.Helper()
	mint := func(ring *keys.Ring, at time.Time, origin string, change func(*tokens.Grant)) string {
		grant := tokens.Grant{Version: tokens.V1, TenantID: tenant, ObjectID: ownerID, AppID: ownerID, Audience: armAudience, ProvenBy: tokens.ProvenBySecret, Lifetime: time.Hour}
		change(&grant)
		token, err := tokens.NewIssuer(origin, ring, clock.PassiveClock(testclock.NewFakePassiveClock(at))).Mint(grant)
		if err != nil {
			f.Fatal(err)
		}
		return token.Raw.Reveal()
	}
	same := func(*tokens.Grant) {}
	good := strings.Split(mint(ring, now, cloudOrigin, same), ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`))
	retired := f.ring(now)
	old := mint(retired, now, cloudOrigin, same)
	id, err := tokens.NewIssuer(cloudOrigin, ring, testclock.NewFakePassiveClock(now)).MintID(
		tokens.Grant{TenantID: tenant, ObjectID: ownerID, AppID: armAudience, Lifetime: time.Hour, User: &tokens.User{Name: "ann"}}, "")
	if err != nil {
		f.Fatal(err)
	}
	payload, err := json.Marshal(map[string]any{"aud": armAudience, "oid": ownerID, "tid": tenant})
	if err != nil {
		f.Fatal(err)
	}
	return map[string]string{
		"none": "", "no JWT": "x", "expired": mint(ring, now.Add(-2*time.Hour), cloudOrigin, same), "not valid yet": mint(ring, now.Add(time.Hour), cloudOrigin, same),
		"another audience": mint(ring, now, cloudOrigin, func(g *tokens.Grant) { g.Audience = "https://vault.azure.net" }),
		"another tenant":   mint(ring, now, cloudOrigin, func(g *tokens.Grant) { g.TenantID = "99999999-0000-0000-0000-000000000009" }),
		"another issuer":   mint(ring, now, "https://elsewhere.example", same), "a key that was retired": old, "an ID token": id.Reveal(),
		"alg none": none + "." + good[1] + ".", "alg none with a signature": none + "." + good[1] + "." + good[2],
		"other claims under a good signature": good[0] + "." + base64.RawURLEncoding.EncodeToString(payload) + "." + good[2],
		"forged":                              good[0] + "." + good[1] + "." + strings.Repeat("A", len(good[2])),
	}
}

// operation is one line of the route table.
type operation struct{ method, path string }

func (o operation) writes() bool { return o.method != http.MethodGet && o.method != http.MethodHead }

// operations are all that any registered type has, at a scope that it can be at.
func operations(registry *providers.Registry) []operation {
	var all []operation
	for _, t := range registry.Types("") {
		base := "/subscriptions/" + subscription
		switch {
		case t.Namespace == "Microsoft.Resources" && strings.HasPrefix(strings.ToLower(t.Name), "subscriptions"):
			all = append(all, operation{"GET", base + resourcesVersion}, operation{"PUT", base + "/resourcegroups/new" + resourcesVersion},
				operation{"DELETE", base + "/resourcegroups/g" + resourcesVersion})
			continue
		case t.Levels&(providers.AtGroup|providers.AtResource) != 0:
			base += "/resourceGroups/g"
		}
		path := base + "/providers/" + t.Namespace
		segments := strings.Split(t.Name, "/")
		for i, segment := range segments {
			path += "/" + segment
			if i < len(segments)-1 {
				path += "/parent"
			}
		}
		version := "?api-version=" + slices.Max(t.APIVersions)
		all = append(all, operation{"GET", path + version})
		for _, method := range []string{"GET", "HEAD", "PUT", "PATCH", "DELETE"} {
			all = append(all, operation{method, path + "/name" + version})
		}
		for _, action := range t.Actions {
			method, at := action.Method, path+"/name/"+action.Name
			if method == "" {
				method = http.MethodPost
			}
			if action.OnCollection {
				at = path + "/" + action.Name
			}
			all = append(all, operation{method, at + version})
		}
	}
	return all
}

// TestEveryRouteNeedsAGoodTokenAndADecision walks the whole route table of these
// providers with every kind of bad token, and with a reader's on every write.
func TestEveryRouteNeedsAGoodTokenAndADecision(t *testing.T) {
	f := newCloud(t)
	f.grant(guestID, readerRole, group("g").SubscriptionID())
	now := time.Now()
	ring := f.ring(now)
	p := pipeline.New(pipeline.Options{
		Registry: f.registry, Engine: f.engine, Authorizer: f.authorization, DefaultTenant: tenant, Clock: f.clock, Log: quiet(),
		Authenticator: pipeline.TokenAuthenticator{Verifier: tokens.NewVerifier(cloudOrigin, ring, clock.RealClock{}), Audiences: pipeline.Audiences(cloudOrigin)},
	})
	before, err := f.store.Count(t.Context(), "/lanyard/resources/")
	if err != nil {
		t.Fatal(err)
	}
	call := func(o operation, bearer string) int {
		target, err := url.Parse(o.path)
		if err != nil {
			t.Fatal(err)
		}
		header := http.Header{"Content-Type": {"application/json"}}
		if bearer != "" {
			header.Set("Authorization", "Bearer "+bearer)
		}
		return p.Handle(t.Context(), pipeline.Call{
			Method: o.method, Path: target.Path, Query: target.Query(), Header: header, Body: strings.NewReader(`{"location":"westus2"}`), Origin: cloudOrigin,
		}).Status
	}
	all := operations(f.registry)
	for name, bearer := range f.badTokens(ring, now) {
		for _, o := range all {
			status := call(o, bearer)
			// A good token of another tenant is somebody's: he hears which operations
			// there are, and nothing of what is there.
			stranger := name == "another tenant" && slices.Contains([]int{http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed}, status)
			if status != http.StatusUnauthorized && !stranger {
				t.Errorf("%s %s with %s: %d", o.method, o.path, name, status)
			}
		}
	}
	reader, err := tokens.NewIssuer(cloudOrigin, ring, clock.RealClock{}).Mint(tokens.Grant{
		Version: tokens.V1, TenantID: tenant, ObjectID: guestID, AppID: guestID, Audience: armAudience, ProvenBy: tokens.ProvenBySecret, Lifetime: time.Hour,
	})
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	for _, o := range all {
		if !o.writes() {
			continue
		}
		switch status := call(o, reader.Raw.Reveal()); status {
		case http.StatusForbidden:
			refused++
		case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusBadRequest: // there is no such operation
		default:
			t.Errorf("%s %s as a reader: %d", o.method, o.path, status)
		}
	}
	if after, err := f.store.Count(t.Context(), "/lanyard/resources/"); err != nil || after != before || refused < 50 {
		t.Errorf("%d resources before, %d after, %d of %d operations refused, %v", before, after, refused, len(all), err)
	}
	t.Logf("%d operations, %d writes refused to a reader", len(all), refused)
}

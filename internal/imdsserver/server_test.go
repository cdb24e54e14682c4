package imdsserver_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/imdsserver"
	"github.com/lanyard-project/lanyard/internal/secret"
)

var vnetID = armid.MustParse("/subscriptions/s/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/vnet")

var (
	start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	node  = netip.MustParseAddr("10.1.0.4")

	system  = imdsserver.Identity{ClientID: "c-system", PrincipalID: "p-system", TenantID: "t"}
	kubelet = imdsserver.Identity{ResourceID: "/subscriptions/s/resourcegroups/MC/providers/Microsoft.ManagedIdentity/userAssignedIdentities/k", ClientID: "c-kubelet", PrincipalID: "p-kubelet", TenantID: "t"}
	app     = imdsserver.Identity{ResourceID: "/subscriptions/s/resourcegroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/app", ClientID: "c-app", PrincipalID: "p-app", TenantID: "t"}
)

// world is the fakes' state: one machine, whose identities a test changes, and a token service that counts.
type world struct {
	mu        sync.Mutex
	machine   imdsserver.Machine
	gone      map[string]bool
	minted    int
	hold      chan struct{} // minting waits for it, if set
	refuse    error
	decisions []imdsserver.Decision
	clock     *clocktesting.FakeClock
}

func (w *world) MachineAt(_ context.Context, vnet armid.ID, addr netip.Addr) (imdsserver.Machine, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !vnet.Equal(vnetID) || addr != w.machine.Address {
		return imdsserver.Machine{}, false
	}
	return w.machine, true
}

func (w *world) IdentityToken(_ context.Context, i imdsserver.Identity, resource string) (imdsserver.Token, error) {
	w.mu.Lock()
	w.minted++
	hold, refuse, gone, now := w.hold, w.refuse, w.gone[i.PrincipalID], w.clock.Now()
	w.mu.Unlock()
	if hold != nil {
		<-hold
	}
	if gone {
		return imdsserver.Token{}, imdsserver.ErrNoIdentity
	}
	if refuse != nil {
		return imdsserver.Token{}, refuse
	}
	return imdsserver.Token{
		Value: secret.New("token-of-" + i.PrincipalID + "-for-" + resource), ID: "jti", NotBefore: now,
		ExpiresOn: now.Add(24 * time.Hour), Extended: 24 * time.Hour,
	}, nil
}

func (w *world) IdentityExists(_ context.Context, i imdsserver.Identity) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.gone[i.PrincipalID], nil
}

func (w *world) Believed(imdsserver.Token) bool { return true }

func newWorld(identities ...imdsserver.Identity) *world {
	return &world{
		clock: clocktesting.NewFakeClock(start),
		gone:  map[string]bool{},
		machine: imdsserver.Machine{
			ResourceID:   "/subscriptions/s/resourceGroups/MC/providers/Microsoft.Compute/virtualMachineScaleSets/aks-p-1-vmss/virtualMachines/0",
			ScaleSetID:   "/subscriptions/s/resourceGroups/MC/providers/Microsoft.Compute/virtualMachineScaleSets/aks-p-1-vmss",
			ScaleSetName: "aks-p-1-vmss", SubscriptionID: "s", ResourceGroup: "MC", TenantID: "t", Location: "westus2",
			Name: "aks-p-1-vmss_0", ComputerName: "aks-p-1-vmss000000", VMID: "vm-id", VMSize: "Standard_DS2_v2", OSType: "Linux",
			Tags:    map[string]string{"b": "2", "a": "1"},
			Address: node, Subnet: netip.MustParsePrefix("10.1.0.0/24"), MAC: "0A0B0C0D0E0F",
			User: identities,
		},
	}
}

func (w *world) serve(limits imdsserver.Limits) http.Handler {
	return imdsserver.New(imdsserver.Options{
		Machines: w, Issuer: w, Clock: w.clock, Log: slog.New(slog.DiscardHandler), Limits: limits,
		Record: func(_ context.Context, d imdsserver.Decision) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.decisions = append(w.decisions, d)
		},
	}).Handler(vnetID)
}

func get(h http.Handler, from netip.Addr, target string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, target, nil)
	r.Header.Set("Metadata", "true")
	r.RemoteAddr = netip.AddrPortFrom(from, 40000).String()
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	return rec
}

const tokenPath = "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://management.azure.com/"

func TestTokenSelection(t *testing.T) {
	const notFound = `{"error":"invalid_request","error_description":"Identity not found"}`
	const multiple = `{"error":"invalid_request","error_description":"Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the token request"}`
	for _, tc := range []struct {
		name   string
		system *imdsserver.Identity
		user   []imdsserver.Identity
		query  string
		status int
		body   string // exact, for errors
		token  string // whose, for tokens
	}{
		{name: "no identity at all", status: 400, body: notFound},
		{name: "system-assigned wins without a selector", system: &system, user: []imdsserver.Identity{kubelet, app}, status: 200, token: "p-system"},
		{name: "the only user-assigned", user: []imdsserver.Identity{kubelet}, status: 200, token: "p-kubelet"},
		{name: "several user-assigned", user: []imdsserver.Identity{kubelet, app}, status: 400, body: multiple},
		{name: "by client id", user: []imdsserver.Identity{kubelet, app}, query: "&client_id=C-APP", status: 200, token: "p-app"},
		{name: "by object id", user: []imdsserver.Identity{kubelet, app}, query: "&object_id=p-app", status: 200, token: "p-app"},
		{name: "by resource id in other casing", user: []imdsserver.Identity{kubelet, app}, query: "&msi_res_id=" + strings.ToUpper(app.ResourceID), status: 200, token: "p-app"},
		{name: "by the other spelling", user: []imdsserver.Identity{kubelet, app}, query: "&mi_res_id=" + app.ResourceID, status: 200, token: "p-app"},
		{name: "unknown client id", user: []imdsserver.Identity{kubelet}, query: "&client_id=c-other", status: 400, body: notFound},
		{name: "unknown client id with a system identity", system: &system, query: "&client_id=c-other", status: 400, body: notFound},
		{name: "system identity by its client id", system: &system, user: []imdsserver.Identity{kubelet}, query: "&client_id=c-system", status: 200, token: "p-system"},
		{name: "two selectors", user: []imdsserver.Identity{kubelet}, query: "&client_id=c-kubelet&object_id=p-kubelet", status: 400},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(tc.user...)
			w.machine.System = tc.system
			rec := get(w.serve(imdsserver.Limits{}), node, tokenPath+tc.query)
			if rec.Code != tc.status {
				t.Fatalf("status %d, want %d: %s", rec.Code, tc.status, rec.Body)
			}
			if tc.body != "" && rec.Body.String() != tc.body {
				t.Errorf("body %s, want %s", rec.Body, tc.body)
			}
			if tc.token != "" && !strings.Contains(rec.Body.String(), "token-of-"+tc.token+"-for-") {
				t.Errorf("body %s has not the token of %s", rec.Body, tc.token)
			}
		})
	}
}

func TestTokenDocumentAndRecord(t *testing.T) {
	w := newWorld(app)
	h := w.serve(imdsserver.Limits{})
	w.clock.SetTime(start)
	get(h, node, tokenPath)
	w.clock.SetTime(start.Add(time.Hour)) // from the cache by now
	rec := get(h, node, tokenPath+"&object_id=p-app")

	var got map[string]any
	if err := json.Unmarshal(rec.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"access_token": "token-of-p-app-for-https://management.azure.com/", "refresh_token": "", "client_id": "c-app", "object_id": "p-app",
		"expires_in": "82800", "expires_on": "1772452800", "ext_expires_in": "86400", "not_before": "1772366400",
		"resource": "https://management.azure.com/", "token_type": "Bearer",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("token document (-want +got):\n%s", diff)
	}
	if len(w.decisions) != 2 || w.decisions[0].Cached || !w.decisions[1].Cached || w.decisions[1].Outcome != imdsserver.OutcomeIssued {
		t.Errorf("decisions: %+v", w.decisions)
	}
}

func TestDetachedIdentityIsRefusedAtOnce(t *testing.T) {
	w := newWorld(kubelet, app)
	h := w.serve(imdsserver.Limits{})
	if rec := get(h, node, tokenPath+"&client_id=c-app"); rec.Code != 200 {
		t.Fatalf("attached: %d %s", rec.Code, rec.Body)
	}
	w.mu.Lock()
	w.machine.User = []imdsserver.Identity{kubelet}
	w.mu.Unlock()
	if rec := get(h, node, tokenPath+"&client_id=c-app"); rec.Code != 400 || !strings.Contains(rec.Body.String(), "Identity not found") {
		t.Fatalf("detached, but cached: %d %s", rec.Code, rec.Body)
	}
}

func TestDeletedIdentityIsRefusedAtOnce(t *testing.T) {
	w := newWorld(app)
	h := w.serve(imdsserver.Limits{})
	if rec := get(h, node, tokenPath); rec.Code != 200 {
		t.Fatalf("alive: %d %s", rec.Code, rec.Body)
	}
	w.mu.Lock()
	w.gone["p-app"] = true // the scale set still names it
	w.mu.Unlock()
	for range 2 { // from the cache first, then from the token service
		if rec := get(h, node, tokenPath); rec.Code != 400 || !strings.Contains(rec.Body.String(), "Identity not found") {
			t.Fatalf("deleted: %d %s", rec.Code, rec.Body)
		}
	}
}

func TestCache(t *testing.T) {
	w := newWorld(app)
	h := w.serve(imdsserver.Limits{PerSecond: 1000, Burst: 1000})
	for _, step := range []struct {
		name   string
		at     time.Duration
		query  string
		minted int
	}{
		{"first", 0, "", 1},
		{"again", time.Hour, "", 1},
		{"other resource", time.Hour, "x", 2},
		{"bypass", time.Hour, "&bypass_cache=true", 3},
		{"just before half-life of the newest", 12*time.Hour + 59*time.Minute, "", 3},
		{"past half-life", 13*time.Hour + time.Minute, "", 4},
	} {
		w.clock.SetTime(start.Add(step.at))
		if rec := get(h, node, tokenPath+step.query); rec.Code != 200 {
			t.Fatalf("%s: %d %s", step.name, rec.Code, rec.Body)
		}
		if w.minted != step.minted {
			t.Errorf("%s: %d tokens minted, want %d", step.name, w.minted, step.minted)
		}
	}
}

func TestTokenServiceFailures(t *testing.T) {
	for _, tc := range []struct {
		name    string
		err     error
		status  int
		code    string
		outcome imdsserver.Outcome
	}{
		{"unknown resource", &imdsserver.RefusedError{Status: 400, Code: "invalid_resource", Description: "AADSTS500011: …"}, 400, "invalid_resource", imdsserver.OutcomeRefused},
		{"down", errors.New("store is away"), 500, "unknown", imdsserver.OutcomeFailed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(app)
			w.refuse = tc.err
			rec := get(w.serve(imdsserver.Limits{}), node, tokenPath)
			if rec.Code != tc.status || !strings.Contains(rec.Body.String(), `"error":"`+tc.code+`"`) {
				t.Errorf("%d %s", rec.Code, rec.Body)
			}
			if strings.Contains(rec.Body.String(), "store") {
				t.Errorf("internals shown: %s", rec.Body)
			}
			if len(w.decisions) != 1 || w.decisions[0].Outcome != tc.outcome {
				t.Errorf("decisions %+v", w.decisions)
			}
		})
	}
}

func TestUnknownCaller(t *testing.T) {
	w := newWorld(app)
	h := w.serve(imdsserver.Limits{})
	if rec := get(h, netip.MustParseAddr("10.1.0.9"), tokenPath); rec.Code != 403 || w.minted != 0 {
		t.Errorf("address of nobody: %d %s", rec.Code, rec.Body)
	}
	if rec := get(h, netip.MustParseAddr("::ffff:10.1.0.4"), tokenPath); rec.Code != 200 {
		t.Errorf("mapped form of the machine's address: %d %s", rec.Code, rec.Body)
	}
}

func TestRateLimit(t *testing.T) {
	w := newWorld(app)
	h := w.serve(imdsserver.Limits{PerSecond: 20, Burst: 25})
	refused := 0
	for range 30 {
		if rec := get(h, node, tokenPath); rec.Code == 429 {
			refused++
			if rec.Header().Get("Retry-After") == "" {
				t.Error("429 without Retry-After")
			}
		}
	}
	if refused != 5 {
		t.Errorf("%d of 30 refused, want 5", refused)
	}
	w.clock.Step(time.Second)
	if rec := get(h, node, tokenPath); rec.Code != 200 {
		t.Errorf("a second later: %d", rec.Code)
	}
	if rec := get(h, node, "/metadata/instance?api-version=2021-02-01"); rec.Code != 200 {
		t.Errorf("instance category shares the limit: %d", rec.Code)
	}
}

func TestConcurrencyLimit(t *testing.T) {
	w := newWorld(app)
	w.hold = make(chan struct{})
	h := w.serve(imdsserver.Limits{Concurrent: 2, Wait: time.Second})
	var wg sync.WaitGroup
	codes := make(chan int, 3)
	for range 3 {
		wg.Go(func() { codes <- get(h, node, tokenPath).Code })
	}
	for !w.clock.HasWaiters() { // the third waits for a place
		time.Sleep(time.Millisecond)
	}
	w.clock.Step(2 * time.Second)
	if code := <-codes; code != 429 {
		t.Errorf("third request: %d, want 429", code)
	}
	close(w.hold)
	wg.Wait()
	if a, b := <-codes, <-codes; a != 200 || b != 200 {
		t.Errorf("the two in place: %d, %d", a, b)
	}
	if w.minted != 1 {
		t.Errorf("%d tokens minted for one identity and resource at once", w.minted)
	}
}

func TestInstance(t *testing.T) {
	h := newWorld(app).serve(imdsserver.Limits{})
	for _, tc := range []struct{ path, want string }{
		{"compute/vmScaleSetName?api-version=2021-02-01&format=text", "aks-p-1-vmss"},
		{"compute/resourceGroupName?api-version=2021-02-01&format=text", "MC"},
		{"compute/tags?api-version=2021-02-01&format=text", "a:1;b:2"},
		{"compute/tagsList?api-version=2021-02-01", `[{"name":"a","value":"1"},{"name":"b","value":"2"}]`},
		{"compute/osProfile/computerName?api-version=2021-02-01&format=text", "aks-p-1-vmss000000"},
		{"network/interface/0/ipv4/ipAddress/0/privateIpAddress?api-version=2021-02-01&format=text", "10.1.0.4"},
		{"network/interface/0/ipv4/subnet?api-version=2021-02-01", `[{"address":"10.1.0.0","prefix":"24"}]`},
	} {
		if rec := get(h, node, "/metadata/instance/"+tc.path); rec.Code != 200 || rec.Body.String() != tc.want {
			t.Errorf("%s: %d %s, want %s", tc.path, rec.Code, rec.Body, tc.want)
		}
	}
	if rec := get(h, node, "/metadata/identity/info?api-version=2018-02-01"); rec.Body.String() != `{"tenantId":"t"}` {
		t.Errorf("identity info: %s", rec.Body)
	}
	if rec := get(h, node, "/metadata/versions"); rec.Code != 200 || !strings.Contains(rec.Body.String(), "2018-02-01") {
		t.Errorf("versions: %d %s", rec.Code, rec.Body)
	}
}

package imdsserver_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/ops"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/directory"
	"github.com/lanyard-project/lanyard/internal/entra"
	"github.com/lanyard-project/lanyard/internal/imdsserver"
	"github.com/lanyard-project/lanyard/internal/keys"
	"github.com/lanyard-project/lanyard/internal/obs/record"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/providers/compute"
	"github.com/lanyard-project/lanyard/internal/providers/managedidentity"
	"github.com/lanyard-project/lanyard/internal/seal"
	"github.com/lanyard-project/lanyard/internal/store/storetest"
	"github.com/lanyard-project/lanyard/internal/tokens"
)

const (
	origin       = "https://localhost:8443"
	realTenant   = "7a0b0c0d-0000-4000-8000-000000000002"
	subscription = "6f1a2b3c-0000-4000-8000-000000000001"
)

// realCloud is a metadata service over the real compute provider, directory and token service, for a machine with one
// identity.
type realCloud struct {
	handler  http.Handler
	engine   *ops.Engine
	ring     *keys.Ring
	by       providers.Caller
	set      *resource.Resource
	identity *resource.Resource
	is       map[string]string // the identity's properties
}

func newRealCloud(t testing.TB, limits imdsserver.Limits) realCloud {
	t.Helper()
	ctx, log, clk := t.Context(), slog.New(slog.DiscardHandler), clock.RealClock{}
	s := storetest.New(t)
	box, err := seal.New(bytes.Repeat([]byte{7}, 32))
	check(t, err)
	people, err := directory.Open(ctx, directory.Options{Store: s, Box: box, Clock: clk, Log: log})
	check(t, err)
	_, _, err = people.EnsureFirstTenant(ctx, directory.FirstTenantOptions{TenantID: realTenant, SubscriptionID: subscription})
	check(t, err)
	ring, err := keys.Open(ctx, keys.Options{Store: s, Box: box, Clock: clk, Log: log})
	check(t, err)
	lines, err := record.Open(record.Options{Path: filepath.Join(t.TempDir(), "record"), Clock: clk, Log: log})
	check(t, err)
	service, err := entra.New(entra.Options{Origin: origin, Directory: people, Keys: ring, Issuer: tokens.NewIssuer(origin, ring, clk), Record: lines, Clock: clk, Log: log})
	check(t, err)

	registry := providers.NewRegistry()
	engine := ops.New(ops.Options{Store: s, Registry: registry, Clock: clk, Log: log})
	identities := managedidentity.New(managedidentity.Config{Directory: people, Resources: engine})
	machines := compute.New(compute.Config{Store: s, Resources: engine, Directory: people, Log: log, Clock: clk})
	check(t, registry.Register(identities.Types()...))
	check(t, registry.Register(machines.Types()...))
	check(t, machines.Load(ctx))
	following, stop := context.WithCancel(context.WithoutCancel(t.Context())) // the cleanup waits for its end
	var running sync.WaitGroup
	for _, run := range []func(context.Context) error{people.Run, machines.Run} {
		running.Go(func() { _ = run(following) }) // its end is the test's
	}
	t.Cleanup(func() { stop(); running.Wait() })

	by := providers.Caller{TenantID: realTenant, ObjectID: "user", Type: "Application"}
	group := armid.ResourceGroup(subscription, "rg")
	for _, id := range []armid.ID{armid.Subscription(subscription), group} {
		_, err := engine.Create(ctx, by, &resource.Resource{ID: id, Location: "westus2"}, nil)
		check(t, err)
	}
	identity, err := identities.Ensure(ctx, by, group.Extension("Microsoft.ManagedIdentity", "userAssignedIdentities", "app"), "westus2", nil)
	check(t, err)
	is, err := resource.Read[map[string]string](identity)
	check(t, err)
	set := &resource.Resource{ID: group.Extension("Microsoft.Compute", "virtualMachineScaleSets", "nodes"), Location: "westus2",
		Identity: &resource.Identity{Type: resource.IdentityUserAssigned}}
	set.Identity.Assign(identity.ID, resource.UserAssignedIdentity{ClientID: is["clientId"], PrincipalID: is["principalId"]})
	_, err = engine.Create(ctx, by, set, nil)
	check(t, err)
	check(t, machines.EnsureInstance(ctx, by, set.ID, compute.Instance{
		ComputerName: "nodes000000", VMID: "vm", VNet: vnetID, Subnet: netip.MustParsePrefix("10.1.0.0/24"), Address: node,
	}))

	cloud := imdsserver.Cloud{Compute: machines, Tokens: service, Directory: people, Keys: ring}
	handler := imdsserver.New(imdsserver.Options{Machines: cloud, Issuer: cloud, Clock: clk, Log: log, Limits: limits,
		Record: func(_ context.Context, d imdsserver.Decision) { lines.Token(d.Entry()) }}).Handler(vnetID)
	return realCloud{handler: handler, engine: engine, ring: ring, by: by, set: set, identity: identity, is: is}
}

// TestCloud asks over real parts, and lets the real verifier look at what comes back.
func TestCloud(t *testing.T) {
	c := newRealCloud(t, imdsserver.Limits{})
	ctx, handler, engine, set, identity, is := t.Context(), c.handler, c.engine, c.set, c.identity, c.is

	rec := get(handler, node, tokenPath)
	var document struct {
		AccessToken string `json:"access_token"`
		ClientID    string `json:"client_id"`
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &document); err != nil || rec.Code != 200 {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	caller, err := tokens.NewVerifier(origin, c.ring, clock.RealClock{}).Verify(ctx, document.AccessToken, []string{"https://management.azure.com/"})
	check(t, err)
	if caller.ObjectID != is["principalId"] || caller.AppID != is["clientId"] || document.ClientID != is["clientId"] || caller.TenantID != realTenant {
		t.Errorf("caller %+v, identity %v", caller, is)
	}
	if !strings.EqualFold(caller.ManagedIdentity, identity.ID.String()) {
		t.Errorf("the token names the identity %s", caller.ManagedIdentity)
	}
	if rec := get(handler, node, strings.Replace(tokenPath, "https://management.azure.com/", "https://nobody.example/", 1)); rec.Code != 400 ||
		!strings.Contains(rec.Body.String(), `"invalid_resource"`) || !strings.Contains(rec.Body.String(), "AADSTS500011: The resource principal named https://nobody.example/") {
		t.Errorf("unknown resource: %d %s", rec.Code, rec.Body)
	}
	if rec := get(handler, node, "/metadata/instance/compute/vmScaleSetName?api-version=2021-02-01&format=text"); rec.Body.String() != "nodes" {
		t.Errorf("instance: %d %s", rec.Code, rec.Body)
	}

	_, err = engine.Update(ctx, set.ID, func(r *resource.Resource) error { r.Identity = nil; return nil })
	check(t, err)
	if rec := get(handler, node, tokenPath); rec.Code != 400 {
		t.Errorf("detached: %d %s", rec.Code, rec.Body)
	}
	_, err = engine.Update(ctx, set.ID, func(r *resource.Resource) error { r.Identity = set.Identity; return nil })
	check(t, err)
	if rec := get(handler, node, tokenPath); rec.Code != 200 {
		t.Errorf("attached again: %d %s", rec.Code, rec.Body)
	}
	if done, err := engine.Delete(ctx, c.by, identity.ID); !done || err != nil {
		t.Fatal(done, err)
	}
	// The directory hears of it by its watch.
	for deadline := time.Now().Add(time.Second); ; time.Sleep(10 * time.Millisecond) {
		rec := get(handler, node, tokenPath)
		if rec.Code == 400 && strings.Contains(rec.Body.String(), "Identity not found") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("deleted, but on the scale set and cached: %d %s", rec.Code, rec.Body)
		}
	}
}

// TestTokensOfADroppedKeyArentHandedOut drops the key of a token that is kept: the next one is another key's, and good.
func TestTokensOfADroppedKeyArentHandedOut(t *testing.T) {
	c := newRealCloud(t, imdsserver.Limits{})
	token := func() string {
		t.Helper()
		rec := get(c.handler, node, tokenPath)
		var document struct {
			AccessToken string `json:"access_token"`
		}
		if err := json.Unmarshal(rec.Body.Bytes(), &document); err != nil || rec.Code != http.StatusOK {
			t.Fatalf("%d %s", rec.Code, rec.Body)
		}
		return document.AccessToken
	}
	first := token()
	if token() != first {
		t.Fatal("the first token isn't kept")
	}
	check(t, c.ring.Drop(t.Context(), c.ring.Signing().ID))
	second := token()
	verifier := tokens.NewVerifier(origin, c.ring, clock.RealClock{})
	audiences := []string{"https://management.azure.com/"}
	if _, err := verifier.Verify(t.Context(), first, audiences); err == nil {
		t.Error("the dropped key's token is still believed")
	}
	_, err := verifier.Verify(t.Context(), second, audiences)
	check(t, err)
	if token() != second {
		t.Error("the second token isn't kept")
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

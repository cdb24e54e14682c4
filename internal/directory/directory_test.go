package directory_test

import (
	"bytes"
	"crypto/ecdsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
	testclock "k8s.io/utils/clock/testing"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/directory"
	"github.com/lanyard-project/lanyard/internal/seal"
	"github.com/lanyard-project/lanyard/internal/secret"
	"github.com/lanyard-project/lanyard/internal/store"
	"github.com/lanyard-project/lanyard/internal/store/storetest"
)

const day = 24 * time.Hour

var identityID = armid.MustParse("/subscriptions/22222222-2222-2222-2222-222222222222/resourceGroups/RG/providers/Microsoft.ManagedIdentity/userAssignedIdentities/Name")

type fixture struct {
	*directory.Directory
	store  *store.Store
	clock  *testclock.FakeClock
	tenant directory.Tenant
	admin  *directory.Administrator
}

func openOn(t *testing.T, s *store.Store, clock *testclock.FakeClock) *directory.Directory {
	t.Helper()
	box, err := seal.New(bytes.Repeat([]byte{3}, 32))
	if err != nil {
		t.Fatal(err)
	}
	d, err := directory.Open(t.Context(), directory.Options{Store: s, Box: box, Clock: clock, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func open(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{store: storetest.New(t), clock: testclock.NewFakeClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))}
	f.Directory = openOn(t, f.store, f.clock)
	var err error
	if f.tenant, f.admin, err = f.EnsureFirstTenant(t.Context(), directory.FirstTenantOptions{}); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *fixture) identity(t *testing.T) directory.ServicePrincipal {
	t.Helper()
	p, err := f.EnsureManagedIdentity(t.Context(), directory.ManagedIdentity{TenantID: f.tenant.ID, ResourceID: identityID, Explicit: true})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestFirstStartMakesTenantSubscriptionAndAdministrator(t *testing.T) {
	f := open(t)
	if f.admin == nil || f.admin.DisplayName != "lanyard-admin" || len(f.tenant.Subscriptions) != 1 {
		t.Fatalf("%+v, %+v", f.tenant, f.admin)
	}
	if verdict, err := f.CheckSecret(t.Context(), f.admin.ObjectID, f.admin.Secret); verdict != directory.SecretGood || err != nil {
		t.Errorf("the administrator's secret: %v, %v", verdict, err)
	}
	again, admin, err := f.EnsureFirstTenant(t.Context(), directory.FirstTenantOptions{})
	if err != nil || admin != nil {
		t.Errorf("the second start: %v, %v", admin, err)
	}
	if diff := cmp.Diff(f.tenant, again); diff != "" {
		t.Error(diff)
	}
	restarted := openOn(t, f.store, f.clock)
	for _, name := range []string{f.tenant.ID, strings.ToUpper(f.tenant.ID), "lanyard.local"} {
		if got, ok := restarted.Tenant(name); !ok || got.ID != f.tenant.ID {
			t.Errorf("tenant %s: %v, %v", name, got, ok)
		}
	}
	if got, ok := restarted.TenantOf(f.tenant.Subscriptions[0].ID); !ok || got.ID != f.tenant.ID {
		t.Error("the subscription has no tenant")
	}
	page, err := f.store.List(t.Context(), "/", store.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, item := range page.Items {
		if bytes.Contains(item.Value, []byte(f.admin.Secret.Reveal())) {
			t.Errorf("%s holds the secret", item.Key)
		}
	}
}

func TestManagedIdentityHasOnePrincipalWhileItLives(t *testing.T) {
	f := open(t)
	first := f.identity(t)
	claimed := "/subscriptions/22222222-2222-2222-2222-222222222222/resourcegroups/RG/providers/Microsoft.ManagedIdentity/userAssignedIdentities/Name"
	if first.Type != directory.TypeManagedIdentity || first.DisplayName != "Name" || first.ResourceID != claimed ||
		!cmp.Equal(first.AlternativeNames, []string{"isExplicit=True", claimed}) {
		t.Errorf("%+v", first)
	}
	if diff := cmp.Diff(first, f.identity(t)); diff != "" {
		t.Errorf("the second time: %s", diff)
	}
	otherCase := armid.MustParse(strings.ToUpper(identityID.String()))
	for name, find := range map[string]func(*directory.Directory) (directory.ServicePrincipal, error){
		"object ID": func(d *directory.Directory) (directory.ServicePrincipal, error) {
			return d.ByObjectID(t.Context(), first.ObjectID)
		},
		"client ID": func(d *directory.Directory) (directory.ServicePrincipal, error) {
			return d.ByAppID(t.Context(), strings.ToUpper(first.AppID))
		},
		"resource ID": func(d *directory.Directory) (directory.ServicePrincipal, error) {
			return d.ManagedIdentityOf(t.Context(), otherCase)
		},
	} {
		got, err := find(f.Directory)
		if err != nil || got.ObjectID != first.ObjectID {
			t.Errorf("by %s: %v, %v", name, got, err)
		}
	}
	if kind, err := f.PrincipalType(t.Context(), first.TenantID, first.ObjectID); kind != "ServicePrincipal" || err != nil {
		t.Errorf("%q, %v", kind, err)
	}

	for range 2 {
		if err := f.DeleteManagedIdentity(t.Context(), identityID); err != nil {
			t.Fatal(err)
		}
	}
	for name, err := range map[string]error{
		"object ID":   second(f.ByObjectID(t.Context(), first.ObjectID)),
		"client ID":   second(f.ByAppID(t.Context(), first.AppID)),
		"resource ID": second(f.ManagedIdentityOf(t.Context(), identityID)),
		"assertion":   second(f.SignAssertion(t.Context(), first.ObjectID, "x")),
	} {
		if !errors.Is(err, directory.ErrNotFound) {
			t.Errorf("after the deletion, by %s: %v", name, err)
		}
	}
	if again := f.identity(t); again.ObjectID == first.ObjectID || again.AppID == first.AppID {
		t.Error("made again, it has the old IDs: old role assignments would come back to life")
	}
}

func second[T any](_ T, err error) error { return err }

func TestPrincipalsOfAnotherReplicaAreFoundBeforeTheWatch(t *testing.T) {
	f := open(t)
	replica := openOn(t, f.store, f.clock) // doesn't run: no watch at all
	made := f.identity(t)
	for name, err := range map[string]error{
		"object ID":   second(replica.ByObjectID(t.Context(), made.ObjectID)),
		"client ID":   second(replica.ByAppID(t.Context(), made.AppID)),
		"resource ID": second(replica.ManagedIdentityOf(t.Context(), identityID)),
		"assertion":   second(replica.SignAssertion(t.Context(), made.ObjectID, "x")),
	} {
		if err != nil {
			t.Errorf("by %s: %v", name, err)
		}
	}
}

// verify is an independent reader of assertions: any of the certificates may have signed.
func verify(t *testing.T, assertion secret.String, certificates []directory.Certificate) map[string]any {
	t.Helper()
	signed, err := jose.ParseSignedCompact(assertion.Reveal(), []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range certificates {
		if signed.Signatures[0].Header.ExtraHeaders["x5t#S256"] != base64.RawURLEncoding.EncodeToString(c.SHA256[:]) {
			continue
		}
		payload, err := signed.Verify(c.Public.(*ecdsa.PublicKey))
		if err != nil {
			t.Fatal(err)
		}
		var claims map[string]any
		if err := json.Unmarshal(payload, &claims); err != nil {
			t.Fatal(err)
		}
		return claims
	}
	return nil
}

// TestManagedIdentityCertificateRotatesAfter46Days is what the documentation of
// managed identities promises: 90 days valid, rolled after 46.
func TestManagedIdentityCertificateRotatesAfter46Days(t *testing.T) {
	f := open(t)
	p := f.identity(t)
	certificates := func() []directory.Certificate {
		t.Helper()
		got, err := f.Certificates(t.Context(), p.ObjectID)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	sign := func() secret.String {
		t.Helper()
		assertion, err := f.SignAssertion(t.Context(), p.ObjectID, "https://localhost:8443/t/oauth2/v2.0/token")
		if err != nil {
			t.Fatal(err)
		}
		return assertion
	}
	if before := certificates(); len(before) != 0 || f.RotateDue(t.Context()) != 0 {
		t.Errorf("an identity that never signed has %d certificates", len(before))
	}
	sign()
	first := certificates()
	if len(first) != 1 || !first[0].Until.Equal(f.clock.Now().Add(90*day)) {
		t.Fatalf("%+v", first)
	}
	claims := verify(t, sign(), first)
	if claims["iss"] != p.AppID || claims["sub"] != p.AppID || claims["jti"] == "" || claims["exp"].(float64)-claims["nbf"].(float64) != 300 {
		t.Errorf("%v", claims)
	}

	f.clock.Step(46*day - time.Minute)
	if n := f.RotateDue(t.Context()); n != 0 {
		t.Errorf("%d rotated a minute too early", n)
	}
	old := sign()
	f.clock.Step(time.Minute)
	if n := f.RotateDue(t.Context()); n != 1 {
		t.Errorf("%d rotated on day 46", n)
	}
	if n := f.RotateDue(t.Context()); n != 0 {
		t.Errorf("%d rotated twice", n)
	}
	if during := certificates(); len(during) != 2 || verify(t, old, during) == nil || verify(t, sign(), during) == nil {
		t.Error("during the overlap both certificates prove the identity")
	}
	f.clock.Step(day + time.Minute)
	if after := certificates(); len(after) != 1 || verify(t, old, after) != nil || verify(t, sign(), after) == nil {
		t.Error("after the overlap only the new certificate proves the identity")
	}

	// Without a background loop, and after a long time away: signing itself rotates.
	f.clock.Step(200 * day)
	if len(certificates()) != 0 {
		t.Error("a certificate outlived its 90 days")
	}
	if verify(t, sign(), certificates()) == nil {
		t.Error("signing didn't rotate")
	}
}

func TestIdentityKeysAreSealedAndBoundToTheirPlace(t *testing.T) {
	f := open(t)
	p := f.identity(t)
	if _, err := f.SignAssertion(t.Context(), p.ObjectID, "x"); err != nil { // makes its key
		t.Fatal(err)
	}
	item, err := f.store.Get(t.Context(), "/lanyard/directory/principals/"+p.ObjectID)
	if err != nil {
		t.Fatal(err)
	}
	// Somebody who can write to the database, but has no master key, gives one
	// identity's key to another.
	moved := "33333333-3333-3333-3333-333333333333"
	value := bytes.ReplaceAll(item.Value, []byte(p.ObjectID), []byte(moved))
	if _, err := f.store.Txn(t.Context(), nil, []store.Op{store.Put("/lanyard/directory/principals/"+moved, value)}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.SignAssertion(t.Context(), moved, "x"); !errors.Is(err, seal.ErrBroken) {
		t.Errorf("the moved key: %v", err)
	}
}

func TestServicePrincipalsOfATenant(t *testing.T) {
	f := open(t)
	identity := f.identity(t)
	stranger, err := f.CreateApplication(t.Context(), "11111111-1111-1111-1111-111111111111", "stranger")
	if err != nil {
		t.Fatal(err)
	}
	names := func(tenantID string) map[string]bool {
		found := map[string]bool{}
		for _, p := range f.ServicePrincipals(tenantID) {
			found[p.ObjectID] = true
		}
		return found
	}
	if diff := cmp.Diff(map[string]bool{f.admin.ObjectID: true, identity.ObjectID: true}, names(strings.ToUpper(f.tenant.ID))); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]bool{stranger.ObjectID: true}, names(stranger.TenantID)); diff != "" {
		t.Error(diff)
	}
	if err := f.DeleteManagedIdentity(t.Context(), identityID); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]bool{f.admin.ObjectID: true}, names(f.tenant.ID)); diff != "" {
		t.Errorf("after a deletion: %s", diff)
	}
}

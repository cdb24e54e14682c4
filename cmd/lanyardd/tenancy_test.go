package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/directory"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/store/storetest"
)

func TestTenantsAndSubscriptionsAreReadFromFlags(t *testing.T) {
	const guid = "0c37e7b6-4d0e-4bf1-a8f9-1f2c6f3a9d10"
	for text, want := range map[string]wantedSubscription{
		"Hub":                             {name: "Hub"},
		"Hub of all=" + guid:              {name: "Hub of all", id: guid},
		"Shop@contoso.local":              {name: "Shop", tenant: "contoso.local"},
		"Shop=" + guid + "@contoso.local": {name: "Shop", id: guid, tenant: "contoso.local"},
		"":                                {},
		"Hub=":                            {},
		"Hub=1":                           {},
		"Hub@":                            {},
		strings.Repeat("a", 65):           {},
		"Hub=" + strings.ReplaceAll(guid, "-", ""): {},
	} {
		got, err := readSubscription(text)
		if want.name == "" {
			if err == nil {
				t.Errorf("%q was taken as %v", text, got)
			}
			continue
		}
		if err != nil || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for text, good := range map[string]bool{"contoso.local": true, "Contoso.Local=" + guid: true, "contoso": false, "a b.c": false, "contoso.local=x": false, "../x.y": false} {
		if got, err := readTenant(text); (err == nil) != good {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

func TestFurtherTenantsAndSubscriptionsAreMadeOnce(t *testing.T) {
	s, file := storetest.New(t), filepath.Join(t.TempDir(), "administrator.json")
	p := newProcess(t, s, file)
	first := p.firstStart()
	p.config.tenancy = tenancy{
		tenants:       []wantedTenant{{domain: "contoso.local"}},
		subscriptions: []wantedSubscription{{name: "Hub"}, {name: "Shop", tenant: "contoso.local"}},
	}
	for range 2 { // the second start changes nothing
		p.firstStart()
	}
	first, _ = p.people.Tenant(first.ID)
	other, ok := p.people.Tenant("contoso.local")
	if !ok {
		t.Fatal("the second tenant isn't there")
	}
	if diff := cmp.Diff([]string{"Lanyard", "Hub", "Shop"}, append(names(first), names(other)...)); diff != "" {
		t.Errorf("subscriptions: %s", diff)
	}
	var shown struct{ TenantID, SubscriptionID, ClientID string }
	data, err := os.ReadFile(strings.TrimSuffix(file, ".json") + ".contoso.local.json")
	if err != nil || json.Unmarshal(data, &shown) != nil {
		t.Fatalf("the second administrator's credential: %v %s", err, data)
	}
	if shown.TenantID != other.ID || shown.SubscriptionID != other.Subscriptions[0].ID {
		t.Errorf("it is for %v", shown)
	}
	for tenant, owns := range map[string][]directory.Subscription{first.ID: first.Subscriptions, other.ID: other.Subscriptions} {
		of, _ := p.people.Tenant(tenant)
		administrator, err := administratorOf(p.people, of)
		if err != nil {
			t.Fatal(err)
		}
		for _, subscription := range append(first.Subscriptions, other.Subscriptions...) {
			may, _ := p.roles.Check(t.Context(), providers.Caller{TenantID: tenant, ObjectID: administrator.ObjectID}, "Microsoft.Resources/subscriptions/resourceGroups/write", armid.Subscription(subscription.ID))
			if want := contains(owns, subscription.ID); may != want {
				t.Errorf("the administrator of %s writes in %s: %v", of.Domain, subscription.DisplayName, may)
			}
		}
	}
	for name, wrong := range map[string]tenancy{
		"a tenant that isn't there":                {subscriptions: []wantedSubscription{{name: "X", tenant: "nobody.local"}}},
		"another ID for a tenant":                  {tenants: []wantedTenant{{domain: "contoso.local", id: "0c37e7b6-4d0e-4bf1-a8f9-1f2c6f3a9d10"}}},
		"another ID for a subscription":            {subscriptions: []wantedSubscription{{name: "Hub", id: "0c37e7b6-4d0e-4bf1-a8f9-1f2c6f3a9d10"}}},
		"another tenant's subscription":            {subscriptions: []wantedSubscription{{name: "Y", id: other.Subscriptions[0].ID}}},
		"one ID for two subscriptions of a tenant": {subscriptions: []wantedSubscription{{name: "Z", id: first.Subscriptions[0].ID}}},
	} {
		p.config.tenancy = wrong
		if _, err := p.found(); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

func names(tenant directory.Tenant) []string {
	var out []string
	for _, s := range tenant.Subscriptions {
		out = append(out, s.DisplayName)
	}
	return out
}

func contains(all []directory.Subscription, id string) bool {
	for _, s := range all {
		if s.ID == id {
			return true
		}
	}
	return false
}

package route_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/arm/route"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/providers/resources"
)

func table(t testing.TB) *route.Table {
	t.Helper()
	registry := providers.NewRegistry()
	types := append(resources.New(nil, registry, clock.RealClock{}).Types(),
		&providers.Type{Namespace: "Microsoft.Network", Name: "virtualNetworks", APIVersions: []string{"1"}, Levels: providers.AtGroup, ListBySubscription: true,
			Actions: []providers.Action{{Name: "usages", Method: http.MethodGet}, {Name: "checkName", OnCollection: true}}},
		&providers.Type{Namespace: "Microsoft.Network", Name: "virtualNetworks/subnets", APIVersions: []string{"1"}, Levels: providers.AtGroup},
		&providers.Type{Namespace: "Microsoft.Authorization", Name: "roleAssignments", APIVersions: []string{"1"}, Levels: providers.AtAnyScope},
		&providers.Type{Namespace: "Microsoft.Authorization", Name: "permissions", APIVersions: []string{"1"}, Levels: providers.AtAnyScope, Verbs: providers.CanList},
	)
	if err := registry.Register(types...); err != nil {
		t.Fatal(err)
	}
	return route.New(registry)
}

const (
	sub  = "/subscriptions/S"
	grp  = sub + "/resourceGroups/G"
	vnet = grp + "/providers/Microsoft.Network/virtualNetworks/V"
)

// found is a Match in words.
type found struct {
	Method     providers.Method
	Type       string
	At         string
	Permission string
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		method, path string
		want         found
	}{
		{"GET", "/subscriptions", found{"list", "subscriptions", "/", "Microsoft.Resources/subscriptions/read"}},
		{"GET", "/TENANTS/", found{"list", "tenants", "/", "Microsoft.Resources/tenants/read"}},
		{"GET", sub, found{"get", "subscriptions", sub, "Microsoft.Resources/subscriptions/read"}},
		{"GET", sub + "/resourcegroups", found{"list", "resourceGroups", sub, "Microsoft.Resources/subscriptions/resourceGroups/read"}},
		{"PUT", "/SUBSCRIPTIONS/S/RESOURCEGROUPS/G", found{"put", "resourceGroups", grp, "Microsoft.Resources/subscriptions/resourceGroups/write"}},
		{"HEAD", grp, found{"get", "resourceGroups", grp, "Microsoft.Resources/subscriptions/resourceGroups/read"}},
		{"GET", grp + "/resources", found{"list", "resources", grp, "Microsoft.Resources/subscriptions/resources/read"}},
		{"GET", sub + "/tagNames", found{"list", "tagNames", sub, "Microsoft.Resources/subscriptions/tagNames/read"}},
		{"PUT", sub + "/tagnames/env", found{"put", "tagNames", sub + "/providers/Microsoft.Resources/tagNames/env", "Microsoft.Resources/subscriptions/tagNames/write"}},
		{"DELETE", sub + "/tagNames/env/TAGVALUES/Dev", found{"delete", "tagNames/tagValues", sub + "/providers/Microsoft.Resources/tagNames/env/tagValues/Dev", "Microsoft.Resources/subscriptions/tagNames/tagValues/delete"}},
		{"GET", sub + "/providers", found{"list", "providers", sub, "Microsoft.Resources/subscriptions/providers/read"}},
		{"GET", sub + "/providers/microsoft.network", found{"get", "providers", sub + "/providers/Microsoft.Network", "Microsoft.Resources/subscriptions/providers/read"}},
		{"POST", sub + "/providers/Microsoft.Network/register", found{"action", "providers", sub + "/providers/Microsoft.Network", "Microsoft.Network/register/action"}},
		{"GET", strings.ToLower(vnet), found{"get", "virtualNetworks", sub[:15] + "s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v", "Microsoft.Network/virtualNetworks/read"}},
		{"DELETE", vnet + "/SUBNETS/N", found{"delete", "virtualNetworks/subnets", vnet + "/subnets/N", "Microsoft.Network/virtualNetworks/subnets/delete"}},
		{"GET", vnet + "/subnets", found{"list", "virtualNetworks/subnets", vnet, "Microsoft.Network/virtualNetworks/subnets/read"}},
		{"GET", vnet + "/Usages", found{"action", "virtualNetworks", vnet, "Microsoft.Network/virtualNetworks/usages/read"}},
		{"POST", grp + "/providers/Microsoft.Network/virtualNetworks/checkName", found{"action", "virtualNetworks", grp, "Microsoft.Network/virtualNetworks/checkName/action"}},
		{"GET", sub + "/providers/Microsoft.Network/virtualnetworks", found{"list", "virtualNetworks", sub, "Microsoft.Network/virtualNetworks/read"}},
		{"PUT", vnet + "/providers/microsoft.authorization/ROLEASSIGNMENTS/a", found{"put", "roleAssignments", vnet + "/providers/Microsoft.Authorization/roleAssignments/a", "Microsoft.Authorization/roleAssignments/write"}},
		{"GET", "/providers/Microsoft.Authorization/roleAssignments", found{"list", "roleAssignments", "/", "Microsoft.Authorization/roleAssignments/read"}},
		{"GET", vnet + "/subnets/N/providers/Microsoft.Authorization/permissions", found{"list", "permissions", vnet + "/subnets/N", "Microsoft.Authorization/permissions/read"}},
	} {
		m, err := table(t).Match(c.method, c.path, "1")
		if err != nil {
			t.Errorf("%s %s: %v", c.method, c.path, err)
			continue
		}
		if diff := cmp.Diff(c.want, found{m.Method, m.Type.Name, m.At().String(), m.Permission()}); diff != "" {
			t.Errorf("%s %s: %s", c.method, c.path, diff)
		}
	}
}

func TestMatchOperations(t *testing.T) {
	for path, result := range map[string]bool{
		sub + "/operationresults/1": true, sub + "/providers/Microsoft.Network/locations/eastus/operations/1": false,
		sub + "/providers/microsoft.network/LOCATIONS/eastus/operationResults/1": true,
	} {
		m, err := table(t).Match("GET", path, "1")
		if err != nil || m.Operation != "1" || m.Result != result || m.Scope.String() != sub {
			t.Errorf("%s: %+v %v", path, m, err)
		}
		if _, err := table(t).Match("DELETE", path, "1"); err == nil {
			t.Errorf("%s: can be deleted", path)
		}
	}
}

// FuzzMatch holds that a match always names an action and a scope to decide on.
func FuzzMatch(f *testing.F) {
	for _, path := range []string{"/", "/subscriptions", vnet, vnet + "/subnets", sub + "/providers/Microsoft.Network/register", vnet + "/providers/Microsoft.Authorization/roleAssignments/a", sub + "/operationresults/1"} {
		f.Add("GET", path)
		f.Add("POST", path)
	}
	routes := table(f)
	f.Fuzz(func(t *testing.T, method, path string) {
		m, err := routes.Match(method, path, "1")
		if err != nil {
			if rest.AsError(err).Status >= 500 {
				t.Fatalf("%s %q fails as if it were our fault: %v", method, path, err)
			}
			return
		}
		if m.Operation != "" {
			return
		}
		if m.Permission() == "" || m.At().IsZero() || m.Type == nil || m.Method == providers.Do && m.Action == nil {
			t.Fatalf("%s %q means %+v, on which nobody can decide", method, path, m)
		}
	})
}

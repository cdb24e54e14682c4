package armid_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
)

const (
	group = "/subscriptions/5/resourceGroups/Grp"
	vnet  = group + "/providers/Microsoft.Network/virtualNetworks/V"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		name, text, want, typ, resource, parent string
	}{
		{"tenant root", "/", "/", armid.TenantType, "", "/"},
		{"subscription", "/Subscriptions/5/", "/subscriptions/5", armid.SubscriptionType, "5", "/"},
		{"resource group in lower case", "/subscriptions/5/resourcegroups/Grp", group, armid.ResourceGroupType, "Grp", "/subscriptions/5"},
		{"resource", strings.ToLower(vnet), "/subscriptions/5/resourceGroups/grp/providers/microsoft.network/virtualnetworks/v", "microsoft.network/virtualnetworks", "v", "/subscriptions/5/resourceGroups/grp"},
		{"child", vnet + "/subnets/S", vnet + "/subnets/S", "Microsoft.Network/virtualNetworks/subnets", "S", vnet},
		{"extension of a resource", vnet + "/providers/Microsoft.Authorization/roleAssignments/A", vnet + "/providers/Microsoft.Authorization/roleAssignments/A", "Microsoft.Authorization/roleAssignments", "A", vnet},
		{"extension of a subscription", "/subscriptions/5/providers/Microsoft.Authorization/roleAssignments/A", "/subscriptions/5/providers/Microsoft.Authorization/roleAssignments/A", "Microsoft.Authorization/roleAssignments", "A", "/subscriptions/5"},
		{"tenant-level resource", "/providers/Microsoft.Authorization/roleDefinitions/R", "/providers/Microsoft.Authorization/roleDefinitions/R", "Microsoft.Authorization/roleDefinitions", "R", "/"},
		{"provider registration", "/subscriptions/5/PROVIDERS/Microsoft.Compute", "/subscriptions/5/providers/Microsoft.Compute", armid.ProviderType, "Microsoft.Compute", "/subscriptions/5"},
		{"location", "/subscriptions/5/locations/eastus", "/subscriptions/5/locations/eastus", armid.LocationType, "eastus", "/subscriptions/5"},
		{"a resource named providers", group + "/providers/Microsoft.Network/virtualNetworks/providers/subnets/S", group + "/providers/Microsoft.Network/virtualNetworks/providers/subnets/S", "Microsoft.Network/virtualNetworks/subnets", "S", group + "/providers/Microsoft.Network/virtualNetworks/providers"},
	} {
		t.Run(c.name, func(t *testing.T) {
			id, err := armid.Parse(c.text)
			if err != nil {
				t.Fatal(err)
			}
			got := []string{id.String(), id.Type(), id.Name(), id.Parent().String()}
			if diff := cmp.Diff([]string{c.want, c.typ, c.resource, c.parent}, got); diff != "" {
				t.Error(diff)
			}
			if id.Key() != strings.ToLower(c.want) {
				t.Errorf("key %q", id.Key())
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"nothing": "", "relative": "subscriptions/5", "empty segment": "/subscriptions//resourceGroups/g",
		"dots": "/subscriptions/../resourceGroups/g", "no name": group + "/providers/Microsoft.Network/virtualNetworks",
		"no type": group + "/providers/Microsoft.Network", "no namespace": group + "/providers", "unknown word": "/subscription/5",
		"odd child": vnet + "/subnets", "backslash": `/subscriptions/5\6`, "question mark": "/subscriptions/5?x", "control": "/subscriptions/5\n",
		"percent": "/subscriptions/%2e%2e", "not UTF-8": "/subscriptions/\xff", "long": "/subscriptions/" + strings.Repeat("a", 5000),
	} {
		if id, err := armid.Parse(text); err == nil {
			t.Errorf("%s: %q was read as %s", name, text, id)
		}
	}
}

func TestParsePathLeavesCollectionsAndActions(t *testing.T) {
	for _, c := range []struct {
		name, text, id string
		rest           []string
	}{
		{"root collection", "/subscriptions", "/", []string{"subscriptions"}},
		{"groups", "/subscriptions/5/resourceGroups", "/subscriptions/5", []string{"resourceGroups"}},
		{"providers", "/subscriptions/5/providers", "/subscriptions/5", []string{"providers"}},
		{"collection in a group", group + "/providers/Microsoft.Network/virtualNetworks", group, []string{"providers", "Microsoft.Network", "virtualNetworks"}},
		{"collection in a subscription", "/subscriptions/5/providers/Microsoft.Network/virtualNetworks", "/subscriptions/5", []string{"providers", "Microsoft.Network", "virtualNetworks"}},
		{"children or action", vnet + "/subnets", vnet, []string{"subnets"}},
		{"extensions", vnet + "/providers/Microsoft.Authorization/roleAssignments", vnet, []string{"providers", "Microsoft.Authorization", "roleAssignments"}},
		{"two left", "/subscriptions/5/operationresults/1", "/subscriptions/5", []string{"operationresults", "1"}},
	} {
		id, rest, err := armid.ParsePath(c.text)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if id.String() != c.id || !slices.Equal(rest, c.rest) {
			t.Errorf("%s: %s and %q", c.name, id, rest)
		}
	}
}

func TestIDNamesItsScopes(t *testing.T) {
	id := armid.MustParse(vnet + "/subnets/S/providers/Microsoft.Authorization/roleAssignments/A")
	var got []string
	for scope := range id.Scopes() {
		got = append(got, scope.String())
	}
	want := []string{id.String(), vnet + "/subnets/S", vnet, group, "/subscriptions/5", "/"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if id.Subscription() != "5" || id.ResourceGroup() != "Grp" || !id.IsExtension() || id.Namespace() != "Microsoft.Authorization" {
		t.Errorf("%q %q %v %q", id.Subscription(), id.ResourceGroup(), id.IsExtension(), id.Namespace())
	}
	for _, scope := range want {
		if !id.Under(armid.MustParse(strings.ToUpper(scope))) {
			t.Errorf("isn't under %s", scope)
		}
	}
	if id.Under(armid.MustParse(group + "2")) {
		t.Error("is under a group whose name only starts alike")
	}
}

func TestBuildersAgreeWithParse(t *testing.T) {
	for _, id := range []armid.ID{
		armid.Root(), armid.Subscription("5"), armid.ResourceGroup("5", "g"),
		armid.Root().Extension("Microsoft.Authorization", "roleDefinitions", "r"),
		armid.Subscription("5").Provider("Microsoft.Compute"),
		armid.ResourceGroup("5", "g").Extension("Microsoft.Network", "virtualNetworks", "v").Child("subnets", "s").Extension("A.B", "c", "d"),
	} {
		if got := armid.MustParse(id.String()); got != id {
			t.Errorf("%#v differs from %#v", id, got)
		}
	}
}

func TestRebaseKeepsTheParentsCasing(t *testing.T) {
	id := armid.MustParse(strings.ToUpper(vnet) + "/subnets/S").Rebase(armid.MustParse(vnet))
	if id.String() != vnet+"/SUBNETS/S" && id.String() != vnet+"/subnets/S" {
		t.Error(id)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"/", vnet, vnet + "/subnets/S", group + "/providers/A/b/c/providers/D/e/f", "/subscriptions/5/providers/X", "//", "/providers/providers/providers/providers"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		id, err := armid.Parse(text)
		if err != nil {
			return
		}
		again, err := armid.Parse(id.String())
		if err != nil || again != id {
			t.Fatalf("%q became %q, then %q (%v)", text, id, again, err)
		}
		if len(id.Key()) != len(id.String()) {
			t.Fatalf("%q: key and text differ in length", text)
		}
		if folded, err := armid.Parse(id.Key()); err != nil || !folded.Equal(id) {
			t.Fatalf("%q: its key isn't the same resource: %v", text, err)
		}
		depth := 0
		for scope := range id.Scopes() {
			if !id.Under(scope) {
				t.Fatalf("%s isn't under its scope %s", id, scope)
			}
			if depth++; depth > 4096 {
				t.Fatalf("%s: endless scopes", id)
			}
		}
	})
}

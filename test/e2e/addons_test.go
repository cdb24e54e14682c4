//go:build e2e

package e2e_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	aks "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/containerservice/armcontainerservice/v6"
	"github.com/google/go-cmp/cmp"

	"github.com/lanyard-project/lanyard/test/e2e/rig"
)

// TestAddonsWithAz turns add-ons of seed 000's table on and off with the real az: each has its identity and the roles of
// the table then, and az grants what it grants itself; nothing of them is left. Then az turns the issuer on and rotates
// its keys.
func TestAddonsWithAz(t *testing.T) {
	cloud := rig.Start(t)
	az := cloud.Az(t)
	az.Must(t, "group", "create", "--name", "rg", "--location", rig.Location)
	vnet := cloud.VNet(t, "rg", "vnet", "nodes", "virtual")
	body := rig.NewCluster()
	body.Properties.AgentPoolProfiles[0].VnetSubnetID = to.Ptr(vnet + "/subnets/nodes")
	body.Properties.NetworkProfile = &aks.NetworkProfile{NetworkPlugin: to.Ptr(aks.NetworkPluginAzure), ServiceCidr: to.Ptr("10.2.0.0/24"), DNSServiceIP: to.Ptr("10.2.0.10")}
	body.Properties.OidcIssuerProfile = &aks.ManagedClusterOIDCIssuerProfile{Enabled: to.Ptr(false)}
	made := cloud.Create(t, "rg", "Shop", body)
	nodes := *made.Properties.NodeResourceGroup
	identities := func() []string {
		names := strings.Fields(az.Must(t, "identity", "list", "-g", nodes, "--query", "[].name", "-o", "tsv"))
		slices.Sort(names)
		return names
	}
	own := []string{"Shop-agentpool"}
	if diff := cmp.Diff(own, identities()); diff != "" {
		t.Fatalf("identities of a cluster without add-ons (-want +got):\n%s", diff)
	}

	// What az asks of versions and pools, and no other test does.
	for want, args := range map[string][]string{
		"true":      {"aks", "get-versions", "-l", rig.Location, "--query", "length(orchestrators) > `0`", "-o", "tsv"},
		"Shop":      {"aks", "list", "-g", "rg", "--query", "[].name", "-o", "tsv"},
		"nodepool1": {"aks", "nodepool", "list", "-g", "rg", "--cluster-name", "Shop", "--query", "[].name", "-o", "tsv"},
		"Linux":     {"aks", "nodepool", "get-upgrades", "-g", "rg", "--cluster-name", "Shop", "-n", "nodepool1", "--query", "osType", "-o", "tsv"},
		"shelving":  {"aks", "nodepool", "update", "-g", "rg", "--cluster-name", "Shop", "-n", "nodepool1", "--labels", "use=shelving", "--query", "nodeLabels.use", "-o", "tsv"},
	} {
		if got := az.Must(t, args...); got != want {
			t.Errorf("az %s: %q, want %q", strings.Join(args, " "), got, want)
		}
	}

	workspace := az.Must(t, "monitor", "log-analytics", "workspace", "create", "-g", "rg", "-n", "logs", "--query", "id", "-o", "tsv")
	const addons = "http_application_routing,azure-policy,azure-keyvault-secrets-provider,virtual-node,ingress-appgw,monitoring"
	az.Must(t, "aks", "enable-addons", "-g", "rg", "-n", "Shop", "--addons", addons, "--subnet-name", "virtual", "--appgw-name", "gateway", "--appgw-subnet-cidr", "10.40.9.0/24", "--workspace-resource-id", workspace)
	with := []string{"Shop-agentpool", "aciconnectorlinux-shop", "azurekeyvaultsecretsprovider-shop", "azurepolicy-shop", "httpapplicationrouting-shop", "ingressapplicationgateway-shop", "omsagent-shop"}
	if diff := cmp.Diff(with, identities()); diff != "" {
		t.Errorf("identities with add-ons (-want +got):\n%s", diff)
	}
	var shown map[string]struct {
		Enabled  bool
		Identity struct{ ObjectID, ResourceID string }
	}
	if err := json.Unmarshal([]byte(az.Must(t, "aks", "show", "-g", "rg", "-n", "Shop", "--query", "addonProfiles", "-o", "json")), &shown); err != nil {
		t.Fatal(err)
	}
	group := cloud.Scope(nodes)
	for addon, want := range map[string][]string{
		// In rg, on the user's network, it is az that grants.
		"httpApplicationRouting":       {"Contributor in " + nodes, "Reader of " + nodes},
		"omsagent":                     {"Monitoring Metrics Publisher in rg"},
		"azurepolicy":                  nil,
		"azureKeyvaultSecretsProvider": nil,
		"aciConnectorLinux":            {"Contributor in rg", "Contributor of " + nodes},
		"ingressApplicationGateway":    {"Contributor in rg", "Contributor of " + nodes},
	} {
		profile := shown[addon]
		if !profile.Enabled || !strings.HasPrefix(profile.Identity.ResourceID, strings.Replace(group, "/resourceGroups/", "/resourcegroups/", 1)+"/providers/Microsoft.ManagedIdentity/") {
			t.Errorf("%s: %+v", addon, profile)
			continue
		}
		var roles []string
		lines := az.Must(t, "role", "assignment", "list", "--all", "--query", "[?principalId=='"+profile.Identity.ObjectID+"'].[roleDefinitionName, scope]", "-o", "tsv")
		for line := range strings.Lines(lines) {
			role, scope, _ := strings.Cut(strings.TrimSpace(line), "\t")
			switch in := "/resourceGroups/rg/"; {
			case strings.EqualFold(scope, group):
				roles = append(roles, role+" of "+nodes)
			case strings.HasPrefix(scope, group):
				roles = append(roles, role+" in "+nodes)
			case strings.Contains(scope, in):
				roles = append(roles, role+" in rg")
			default:
				roles = append(roles, role+" at "+scope)
			}
		}
		slices.Sort(roles)
		if diff := cmp.Diff(want, roles); diff != "" {
			t.Errorf("roles of %s (-want +got):\n%s", addon, diff)
		}
	}

	az.Must(t, "aks", "disable-addons", "-g", "rg", "-n", "Shop", "--addons", addons)
	if diff := cmp.Diff(own, identities()); diff != "" {
		t.Errorf("identities after the add-ons (-want +got):\n%s", diff)
	}
	if left := az.Must(t, "role", "assignment", "list", "--scope", group, "--query", "[?principalId!='"+*made.Identity.PrincipalID+"'].roleDefinitionName", "-o", "tsv"); left != "" {
		t.Errorf("roles that are left in %s: %s", nodes, left)
	}

	az.Must(t, "aks", "update", "-g", "rg", "-n", "Shop", "--enable-oidc-issuer")
	issuer := az.Must(t, "aks", "show", "-g", "rg", "-n", "Shop", "--query", "oidcIssuerProfile.issuerUrl", "-o", "tsv")
	before := publishedKeys(t, cloud, issuer)
	az.Must(t, "aks", "oidc-issuer", "rotate-signing-keys", "-g", "rg", "-n", "Shop", "--yes")
	az.Must(t, "aks", "wait", "-g", "rg", "-n", "Shop", "--updated", "--interval", "1", "--timeout", "300") // this version of az doesn't
	after := publishedKeys(t, cloud, issuer)
	if len(before) != 1 || len(after) != 2 || !slices.Contains(after, before[0]) {
		t.Errorf("the keys were %v, and are %v: one more, and the old one for tokens that there are", before, after)
	}
}

// publishedKeys are the IDs of an issuer's keys, found as everybody finds them.
func publishedKeys(t *testing.T, cloud *rig.Cloud, issuer string) []string {
	t.Helper()
	browser, err := cloud.Client()
	if err != nil {
		t.Fatal(err)
	}
	read := func(url string, into any) {
		t.Helper()
		answer, err := browser.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		if err := json.NewDecoder(answer.Body).Decode(into); err != nil {
			t.Fatalf("%s: %d %v", url, answer.StatusCode, err)
		}
	}
	var found struct {
		Issuer string
		Keys   string `json:"jwks_uri"`
	}
	read(issuer+".well-known/openid-configuration", &found)
	if found.Issuer != issuer {
		t.Errorf("the issuer calls itself %s, not %s", found.Issuer, issuer)
	}
	var set struct {
		Keys []struct {
			ID string `json:"kid"`
		}
	}
	read(found.Keys, &set)
	var ids []string
	for _, key := range set.Keys {
		ids = append(ids, key.ID)
	}
	return ids
}

package containerservice_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/providers"
)

// Seed 000's table of add-ons, and those of today: the identity's name, its roles and where, and whether nodes use it.
func TestAddonIdentities(t *testing.T) {
	const (
		group    = "/subscriptions/" + subscription + "/resourceGroups/MC_rg_Demo_westus2"
		contrib  = "Microsoft.Network/loadBalancers/write"
		anything = "Microsoft.Network/loadBalancers/read"
	)
	for _, tc := range []struct {
		key, config, identity string
		may, mayNot           map[string]string // action by scope
		onNodes               bool
	}{
		{key: "omsagent", config: `{"logAnalyticsWorkspaceResourceID":"/w"}`, identity: "omsagent-demo", mayNot: map[string]string{group: anything}},
		{key: "httpApplicationRouting", identity: "httpapplicationrouting-demo", may: map[string]string{group: anything}, mayNot: map[string]string{group: contrib}},
		{key: "ingressApplicationGateway", config: `{"subnetCIDR":"10.2.0.0/16"}`, identity: "ingressapplicationgateway-demo", may: map[string]string{group: contrib}},
		{key: "aciConnectorLinux", config: `{"SubnetName":"virtual-node"}`, identity: "aciconnectorlinux-demo", may: map[string]string{group: contrib}},
		{key: "azurepolicy", identity: "azurepolicy-demo", mayNot: map[string]string{group: anything}},
		{key: "azureKeyvaultSecretsProvider", identity: "azurekeyvaultsecretsprovider-demo", onNodes: true},
		{key: "kubeDashboard"},
		{key: "omsagent", config: `{"logAnalyticsWorkspaceResourceID":"/w","useAADAuth":"true"}`},
	} {
		t.Run(tc.key+tc.config, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			p := w.start()
			defer p.stop()
			profile := func(on bool) string {
				text := `{"enabled":false}`
				if on {
					text = `{"enabled":true}`
					if tc.config != "" {
						text = `{"enabled":true,"config":` + tc.config + `}`
					}
				}
				return change(`"addonProfiles":{"` + tc.key + `":` + text + `}`)
			}
			p.works("Demo", body(`"dnsPrefix":"demo"`, `"dnsPrefix":"Demo"`))
			before := w.snapshot()
			c := p.update("Demo", profile(true))
			if c.ProvisioningState != resource.Succeeded {
				t.Fatal(c.ProvisioningState, w.calls)
			}
			shown, err := resource.Read[struct {
				AddonProfiles map[string]struct {
					Identity map[string]string
				}
			}](c)
			if err != nil {
				t.Fatal(err)
			}
			identity := shown.AddonProfiles[tc.key].Identity
			if _, name, _ := strings.Cut(identity["resourceId"], "/userAssignedIdentities/"); name != tc.identity {
				t.Errorf("identity %q, want %q", name, tc.identity)
			}
			for scope, action := range tc.may {
				if allowed, _ := p.roles.Check(t.Context(), providers.Caller{ObjectID: identity["objectId"]}, action, armid.MustParse(scope)); !allowed {
					t.Errorf("may not %s on %s", action, scope)
				}
			}
			for scope, action := range tc.mayNot {
				if allowed, _ := p.roles.Check(t.Context(), providers.Caller{ObjectID: identity["objectId"]}, action, armid.MustParse(scope)); allowed {
					t.Errorf("may %s on %s", action, scope)
				}
			}
			if onNodes := slices.Contains(p.onScaleSets()["nodepool1"], tc.identity); onNodes != tc.onNodes {
				t.Errorf("on the nodes: %t", onNodes)
			}
			p.update("Demo", profile(false))
			left := w.snapshot()
			for key := range left {
				if _, ok := before[key]; !ok {
					t.Errorf("left behind: %s", key)
				}
			}
		})
	}
}

func TestAddonsGoWithTheCluster(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	empty := w.snapshot()
	p := w.start()
	defer p.stop()
	c := p.works("demo", body(`"kubernetesVersion":""`, `"addonProfiles":{"httpApplicationRouting":{"enabled":true},"omsagent":{"enabled":true,"config":{"logAnalyticsWorkspaceResourceID":"/w"}}}`))
	if !strings.Contains(string(c.Properties), ".westus2.aksapp.io") {
		t.Errorf("%s", c.Properties)
	}
	p.delete(c.ID)
	p.settle(c.ID)
	p.expect("left behind", empty, w.snapshot())
}

// What AKS puts into the node resource group for the network.
func TestNodeResourceGroupContents(t *testing.T) {
	t.Parallel()
	for plugin, want := range map[string][]string{
		"azure":   {"loadBalancers", "networkSecurityGroups", "publicIPAddresses", "userAssignedIdentities", "virtualMachineScaleSets", "virtualNetworks"},
		"kubenet": {"loadBalancers", "networkSecurityGroups", "publicIPAddresses", "routeTables", "userAssignedIdentities", "virtualMachineScaleSets", "virtualNetworks"},
	} {
		t.Run(plugin, func(t *testing.T) {
			w := newWorld(t)
			p := w.start()
			defer p.stop()
			c := p.works("demo", body(`"networkPlugin":"azure"`, `"networkPlugin":"`+plugin+`"`))
			kinds := map[string]bool{}
			for _, kind := range []string{"Microsoft.Network/loadBalancers", "Microsoft.Network/networkSecurityGroups", "Microsoft.Network/publicIPAddresses", "Microsoft.Network/routeTables",
				"Microsoft.Network/virtualNetworks", "Microsoft.Compute/virtualMachineScaleSets", "Microsoft.ManagedIdentity/userAssignedIdentities"} {
				found, err := p.engine.List(t.Context(), armid.ResourceGroup(subscription, "MC_rg_demo_westus2"), kind)
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range found {
					kinds[r.ID.Type()[strings.Index(kind, "/")+1:]] = true
				}
			}
			p.expect("contents", want, keys(kinds))
			if !strings.Contains(string(c.Properties), `"effectiveOutboundIPs":[{"id":"/subscriptions/`) {
				t.Errorf("%s", c.Properties)
			}
		})
	}
}

// Seed 002's "handle the add-on identity's permission by yourself": a migration that isn't made with az gives add-ons
// identities with the roles that the service grants, and none of those that az grants on what is the user's.
func TestMigrationLeavesAddonsRolesOnTheUsersNetworkToTheUser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	defer p.stop()
	application, err := p.directory.CreateApplication(t.Context(), tenant, "aks")
	if err != nil {
		t.Fatal(err)
	}
	credential, err := p.directory.AddSecret(t.Context(), application.ObjectID, "first", 0)
	if err != nil {
		t.Fatal(err)
	}
	vnet := clusterID("x").ResourceGroupID().Extension("Microsoft.Network", "virtualNetworks", "v")
	p.make(vnet.String(), `{"addressSpace":{"addressPrefixes":["10.240.0.0/16"]}}`)
	p.make(vnet.Child("subnets", "nodes").String(), `{"addressPrefix":"10.240.0.0/20"}`)
	p.make(vnet.Child("subnets", "virtual").String(), `{"addressPrefix":"10.240.16.0/20"}`)
	p.grant(networkContributorRole, vnet.String(), application.ObjectID)
	c := p.works("demo", strings.NewReplacer(`"mode":"System"`, `"mode":"System","vnetSubnetID":"`+vnet.Child("subnets", "nodes").String()+`"`,
		`"dnsPrefix":"demo"`, `"dnsPrefix":"demo","addonProfiles":{"aciConnectorLinux":{"enabled":true,"config":{"SubnetName":"virtual"}}}`).Replace(spBody(application.AppID, credential.Value.Reveal())))
	if strings.Contains(string(c.Properties), "aciconnectorlinux-demo") {
		t.Errorf("an add-on has an identity beside the service principal: %s", c.Properties)
	}
	p.works("demo", `{"location":"westus2","identity":{"type":"SystemAssigned"}}`)
	made := p.get(armid.ResourceGroup(subscription, "MC_rg_demo_westus2").Extension("Microsoft.ManagedIdentity", "userAssignedIdentities", "aciconnectorlinux-demo"))
	if made == nil {
		t.Fatal("after the migration the add-on has no identity")
	}
	is, err := resource.Read[map[string]string](made)
	if err != nil {
		t.Fatal(err)
	}
	may := func(scope armid.ID) bool {
		allowed, _ := p.roles.Check(t.Context(), providers.Caller{ObjectID: is["principalId"]}, "Microsoft.Network/virtualNetworks/subnets/join/action", scope)
		return allowed
	}
	if !may(made.ID.ResourceGroupID()) {
		t.Error("the add-on may nothing in the node resource group")
	}
	if may(vnet) {
		t.Error("the add-on may use the user's network without the user's grant")
	}
	p.grant(networkContributorRole, vnet.String(), is["principalId"])
	if !may(vnet) {
		t.Error("the user's grant doesn't count")
	}
}

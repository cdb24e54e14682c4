package containerservice_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/lanyard-project/lanyard/internal/arm/rest"
)

// body is a create request with one pool. Both replace what simple has by other text.
func body(replacements ...string) string {
	return strings.NewReplacer(replacements...).Replace(simple)
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	defer p.stop()
	p.create("there", body(`"dnsPrefix":"demo"`, `"dnsPrefix":"there"`))
	p.make("/subscriptions/"+subscription+"/resourceGroups/taken", ``)
	const vnet = "/subscriptions/" + subscription + "/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/v"
	p.make(vnet, `{"addressSpace":{"addressPrefixes":["10.0.0.0/8"]}}`)
	p.make(vnet+"/subnets/s", `{"addressPrefix":"10.0.4.0/24"}`)
	withProperty := func(text string) string { return body(`"kubernetesVersion":""`, text) }
	withPool := func(text string) string { return body(`"mode":"System"`, text) }
	long := strings.Repeat("n", 89)

	for _, tc := range []struct {
		name, cluster, body, code, text string
	}{
		{"node resource group over 80 characters", "demo", withProperty(`"nodeResourceGroup":"` + long + `"`), "InvalidParameter",
			"The length of the node resource group name is too long. The maximum length is 80 and the length of the value provided is 89. Please see https://aka.ms/aks-naming-rules for more details."},
		{"node resource group exists", "demo", withProperty(`"nodeResourceGroup":"taken"`), "NodeResourceGroupAlreadyExists", "taken"},
		{"node resource group of another cluster", "demo", withProperty(`"nodeResourceGroup":"MC_rg_there_westus2"`), "NodeResourceGroupManagedByAnotherResource", "there"},
		{"node resource group is the cluster's", "demo", withProperty(`"nodeResourceGroup":"RG"`), "NodeResourceGroupSameAsResourceGroup", ""},
		{"version", "demo", withProperty(`"kubernetesVersion":"1.25.6"`), "K8sVersionNotSupported", "Managed cluster demo is on version 1.25.6, which is not supported in this region."},
		{"pool's version", "demo", withPool(`"mode":"System","orchestratorVersion":"1.33.1"`), "K8sVersionNotSupported", "1.33.1"},
		{"no identity", "demo", body(`"identity":{"type":"SystemAssigned"},`, ``), "MissingServicePrincipalProfile", "servicePrincipalProfile"},
		{"both identity types", "demo", body(`"type":"SystemAssigned"`, `"type":"SystemAssigned, UserAssigned"`), "InvalidParameter", "SystemAssigned, UserAssigned"},
		{"user-assigned without an identity", "demo", body(`"type":"SystemAssigned"`, `"type":"UserAssigned"`), "InvalidParameter", "exactly one"},
		{"user-assigned that isn't one", "demo", body(`"type":"SystemAssigned"`, `"type":"UserAssigned","userAssignedIdentities":{"`+vnet+`":{}}`), "InvalidManagedIdentityResourceID", vnet},
		{"user-assigned that isn't there", "demo", body(`"type":"SystemAssigned"`, `"type":"UserAssigned","userAssignedIdentities":{"/subscriptions/`+subscription+`/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/gone":{}}`), "GetUserAssignedIdentityResourceError", "was not found"},
		{"kubelet identity with a system-assigned control plane", "demo", withProperty(`"identityProfile":{"kubeletidentity":{"resourceId":"x"}}`), "CustomKubeletIdentityOnlySupportedOnUserAssignedMSICluster", ""},
		{"identity and service principal", "demo", withProperty(`"servicePrincipalProfile":{"clientId":"c","secret":"s"}`), "InvalidParameter", "not both"},
		{"add-on", "demo", withProperty(`"addonProfiles":{"dialler":{"enabled":true}}`), "AddonInvalid", "dialler"},
		{"omsagent without a workspace", "demo", withProperty(`"addonProfiles":{"omsagent":{"enabled":true}}`), "LogAnalyticsWorkspaceNotSet", "workspace"},
		{"virtual nodes without a subnet", "demo", withProperty(`"addonProfiles":{"aciConnectorLinux":{"enabled":true}}`), "AddonInvalid", "SubnetName"},
		{"local accounts disabled", "demo", withProperty(`"disableLocalAccounts":true`), "BadRequest", ""},
		{"network plugin", "demo", body(`"networkPlugin":"azure"`, `"networkPlugin":"none"`), "InvalidParameter", "none"},
		{"DNS outside of the services", "demo", body(`"networkPlugin":"azure"`, `"networkPlugin":"azure","dnsServiceIP":"10.1.0.10"`), "InvalidParameter", "10.1.0.10"},
		{"no pools", "demo", `{"location":"westus2","identity":{"type":"SystemAssigned"},"properties":{}}`, "InvalidParameter", "agentPoolProfiles"},
		{"pool's name", "demo", body(`"name":"nodepool1"`, `"name":"Node_Pool"`), "InvalidParameter", "Node_Pool"},
		{"no system pool", "demo", withPool(`"mode":"User"`), "MustDefineAtLeastOneSystemPool", "Must define at least one system pool."},
		{"max pods", "demo", withPool(`"mode":"System","maxPods":5`), "InvalidParameter", "maxPods"},
		{"availability set", "demo", withPool(`"mode":"System","type":"AvailabilitySet"`), "InvalidParameter", "AvailabilitySet"},
		{"Windows", "demo", withPool(`"mode":"System","osType":"Windows"`), "InvalidParameter", "Windows"},
		{"subnet's ID", "demo", withPool(`"mode":"System","vnetSubnetID":"x"`), "LinkedInvalidPropertyId", "'x'"},
		{"subnet isn't there", "demo", withPool(`"mode":"System","vnetSubnetID":"` + vnet + `/subnets/gone"`), "SubnetNotFound", "gone"},
		{"services overlap the subnet", "demo", withPool(`"mode":"System","vnetSubnetID":"` + vnet + `/subnets/s"`), "ServiceCidrOverlapExistingSubnetsCidr",
			"The specified service CIDR 10.0.0.0/16 is conflicted with an existing subnet CIDR 10.0.4.0/24"},
		{"change of the DNS prefix", "there", body(`"dnsPrefix":"demo"`, `"dnsPrefix":"else"`), "PropertyChangeNotAllowed", "Changing property 'dnsPrefix' is not allowed."},
		{"change of a pool's size", "there", body(`"dnsPrefix":"demo"`, `"dnsPrefix":"there"`, `Standard_DS2_v2`, `Standard_B2s`), "PropertyChangeNotAllowed", "Changing property 'agentPoolProfile.vmSize' is not allowed."},
		{"change of the network plugin", "there", body(`"dnsPrefix":"demo"`, `"dnsPrefix":"there"`, `"networkPlugin":"azure"`, `"networkPlugin":"kubenet"`), "PropertyChangeNotAllowed", "networkProfile.networkPlugin"},
		{"change of the principal", "there", body(`"dnsPrefix":"demo"`, `"dnsPrefix":"there"`, `"type":"SystemAssigned"`, `"type":"SystemAssigned","principalId":"other"`), "InvalidParameter",
			"The principalId 'other' on the resource's Identity property is invalid and must be empty or match the existing principalId"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before := w.snapshot()
			_, _, err := p.put(clusterID(tc.cluster), tc.body)
			var answer *rest.Error
			if !errors.As(err, &answer) {
				t.Fatalf("error %v, want %s", err, tc.code)
			}
			if answer.Code != tc.code || !strings.Contains(answer.Message, tc.text) || answer.Status < 400 || answer.Status > 499 {
				t.Errorf("%d %s: %s; want %s: %s", answer.Status, answer.Code, answer.Message, tc.code, tc.text)
			}
			if len(before) != len(w.snapshot()) {
				t.Error("a refused request left something behind")
			}
		})
	}
}

func TestBusyClusterRefusesWrites(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	defer p.stop()
	hold := make(chan struct{})
	w.fail = func(call string) error {
		if call == "EnsureVNet" {
			<-hold
		}
		return nil
	}
	if _, _, err := p.put(clusterID("demo"), simple); err != nil {
		t.Fatal(err)
	}
	_, _, err := p.put(clusterID("demo"), simple)
	if !rest.HasCode(err, "OperationNotAllowed") || !strings.Contains(err.Error(), "Another operation (Creating) is in progress, please wait for it to finish") {
		t.Errorf("second write: %v", err)
	}
	close(hold)
	p.settle(clusterID("demo"))
}

func TestKubeletIdentityNeedsGrantOfControlPlane(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	defer p.stop()
	ids := map[string]string{}
	for _, name := range []string{"plane", "kubelet"} {
		id := clusterID("x").ResourceGroupID().Extension("Microsoft.ManagedIdentity", "userAssignedIdentities", name)
		if _, err := p.identities.Ensure(t.Context(), caller(), id, "westus2", nil); err != nil {
			t.Fatal(err)
		}
		ids[name] = id.String()
	}
	brought := func(plane, kubelet string) string {
		return body(`"type":"SystemAssigned"`, `"type":"UserAssigned","userAssignedIdentities":{"`+ids[plane]+`":{}}`,
			`"kubernetesVersion":""`, `"identityProfile":{"kubeletidentity":{"resourceId":"`+ids[kubelet]+`"}}`)
	}
	_, _, err := p.put(clusterID("demo"), brought("plane", "kubelet"))
	if !rest.HasCode(err, "CustomKubeletIdentityMissingPermissionError") {
		t.Fatalf("without a grant: %v", err)
	}
	c := p.create("demo", brought("kubelet", "kubelet"))
	if c.ProvisioningState != "Succeeded" || !strings.Contains(string(c.Properties), `userAssignedIdentities/kubelet"`) {
		t.Errorf("one identity in both roles: %s %s", c.ProvisioningState, c.Properties)
	}
}

package containerservice_test

import (
	"encoding/json"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lanyard-project/lanyard/internal/arm/resource"
)

// TestDefaultsAreAsRecorded sends as little as a client may and compares what the service fills in with what AKS was
// recorded to fill in, in its first answer and when it is done. Left out on purpose: upgradeSettings and linuxProfile, since
// Terraform plans a change when they appear, dockerBridgeCidr and enablePodSecurityPolicy, which AKS has dropped since.
func TestDefaultsAreAsRecorded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	defer p.stop()
	outcome, _, err := p.put(clusterID("myCluster"), `{"location":"westus2","identity":{"type":"SystemAssigned"},"properties":{"agentPoolProfiles":[{"name":"nodepool1"}],"networkProfile":{"networkPlugin":"kubenet"}}}`)
	if err != nil {
		t.Fatal(err)
	}
	pool := map[string]any{
		"name": "nodepool1", "count": 3., "vmSize": "Standard_DS2_v2", "osDiskSizeGB": 128., "osDiskType": "Managed", "kubeletDiskType": "OS", "workloadRuntime": "OCIContainer",
		"maxPods": 110., "type": "VirtualMachineScaleSets", "enableAutoScaling": false, "provisioningState": "Creating", "powerState": map[string]any{"code": "Running"},
		"orchestratorVersion": "1.34.2", "currentOrchestratorVersion": "1.34.2", "enableNodePublicIP": false, "mode": "System", "enableEncryptionAtHost": false, "enableUltraSSD": false,
		"osType": "Linux", "osSKU": "Ubuntu", "nodeImageVersion": "LanyardLinux-containerd-1.34.2-1", "enableFIPS": false,
	}
	network := map[string]any{
		"networkPlugin": "kubenet", "podCidr": "10.244.0.0/16", "podCidrs": []any{"10.244.0.0/16"}, "serviceCidr": "10.0.0.0/16", "serviceCidrs": []any{"10.0.0.0/16"},
		"dnsServiceIP": "10.0.0.10", "outboundType": "loadBalancer", "loadBalancerSku": "Standard", "ipFamilies": []any{"IPv4"},
	}
	want := map[string]any{
		"kubernetesVersion": "1.34.2", "currentKubernetesVersion": "1.34.2", "dnsPrefix": "myCluster-rg-6f1a2b", "fqdn": "mycluster-rg-6f1a2b-UNIQUE.hcp.westus2.azmk8s.io",
		"azurePortalFQDN": "mycluster-rg-6f1a2b-UNIQUE.portal.hcp.westus2.azmk8s.io", "nodeResourceGroup": "MC_rg_myCluster_westus2", "servicePrincipalProfile": map[string]any{"clientId": "msi"},
		"enableRBAC": true, "disableLocalAccounts": false, "maxAgentPools": 100., "powerState": map[string]any{"code": "Running"}, "supportPlan": "KubernetesOfficial",
		"storageProfile":  map[string]any{"diskCSIDriver": map[string]any{"enabled": true}, "fileCSIDriver": map[string]any{"enabled": true}, "snapshotController": map[string]any{"enabled": true}},
		"securityProfile": map[string]any{}, "workloadAutoScalerProfile": map[string]any{}, "networkProfile": network, "agentPoolProfiles": []any{pool},
	}
	if diff := cmp.Diff(want, completed(t, outcome.Resource)); diff != "" {
		t.Errorf("first answer (-recorded +got):\n%s", diff)
	}
	if string(outcome.Resource.SKU) != `{"name":"Base","tier":"Free"}` {
		t.Errorf("sku %s", outcome.Resource.SKU)
	}

	p.settle(clusterID("myCluster"))
	pool["provisioningState"] = resource.Succeeded
	network["loadBalancerProfile"] = map[string]any{"managedOutboundIPs": map[string]any{"count": 1.}, "backendPoolType": "nodeIPConfiguration", "effectiveOutboundIPs": []any{
		map[string]any{"id": "/subscriptions/GUID/resourceGroups/MC_rg_myCluster_westus2/providers/Microsoft.Network/publicIPAddresses/GUID"},
	}}
	want["identityProfile"] = map[string]any{"kubeletidentity": map[string]any{"clientId": "GUID", "objectId": "GUID",
		"resourceId": "/subscriptions/GUID/resourcegroups/MC_rg_myCluster_westus2/providers/Microsoft.ManagedIdentity/userAssignedIdentities/myCluster-agentpool"}}
	if diff := cmp.Diff(want, completed(t, p.get(clusterID("myCluster")))); diff != "" {
		t.Errorf("when it is done (-recorded +got):\n%s", diff)
	}
}

// completed is a cluster's document without what is its own: the issuer, which has tests of its own, and its key.
func completed(t *testing.T, cluster *resource.Resource) map[string]any {
	t.Helper()
	var document map[string]any
	text := regexp.MustCompile(`-[0-9a-f]{8}\.(portal\.)?hcp`).ReplaceAllString(string(cluster.Properties), "-UNIQUE.${1}hcp")
	text = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`).ReplaceAllString(text, "GUID")
	if err := json.Unmarshal([]byte(text), &document); err != nil {
		t.Fatal(err)
	}
	delete(document, "oidcIssuerProfile")
	delete(document, "resourceUID")
	return document
}

//go:build e2e

package e2e_test

import (
	"strings"
	"testing"
	"time"

	"github.com/lanyard-project/lanyard/test/e2e/rig"
)

// TestClusterWithAz runs seed 000's commands with the real az: a cluster of three nodes with a system-assigned identity,
// which is what az makes when it is told nothing else.
func TestClusterWithAz(t *testing.T) {
	cloud := rig.Start(t)
	az := cloud.Az(t)
	az.Must(t, "group", "create", "--name", "myResourceGroup", "--location", "westus2")
	az.Must(t, "aks", "create", "--resource-group", "myResourceGroup", "--name", "myManagedCluster", "--enable-managed-identity", "--generate-ssh-keys")
	if got := az.Must(t, "aks", "show", "-g", "myResourceGroup", "-n", "myManagedCluster", "--query", "servicePrincipalProfile.clientId", "-o", "tsv"); got != "msi" {
		t.Errorf("servicePrincipalProfile.clientId is %q, want msi", got)
	}
	kubelet := az.Must(t, "aks", "show", "-g", "myResourceGroup", "-n", "myManagedCluster", "--query", "identityProfile.kubeletidentity.resourceId", "-o", "tsv")
	if !strings.HasSuffix(kubelet, "/resourcegroups/MC_myResourceGroup_myManagedCluster_westus2/providers/Microsoft.ManagedIdentity/userAssignedIdentities/myManagedCluster-agentpool") {
		t.Errorf("the kubelet identity is %q", kubelet)
	}
	kubectl := cloud.Kubectl(t, "myResourceGroup", "myManagedCluster")
	if _, err := kubectl.WaitFor(t.Context(), time.Minute, "three Ready nodes", func(out string) bool { return strings.Count(out, " Ready ") == 3 }, "get", "nodes"); err != nil {
		t.Error(err)
	}
	az.Must(t, "aks", "delete", "-g", "myResourceGroup", "-n", "myManagedCluster", "--yes")
	if complaint := az.Refused(t, "group", "show", "-n", "MC_myResourceGroup_myManagedCluster_westus2"); !strings.Contains(complaint, "ResourceGroupNotFound") {
		t.Errorf("the node resource group: %s", complaint)
	}
}

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
	t.Run("a lock keeps nodes from being taken away", func(t *testing.T) { lockedNodes(t, az) })
	t.Run("an operation brings back what was deleted", func(t *testing.T) { deletedIdentity(t, az) })
	az.Must(t, "aks", "delete", "-g", "myResourceGroup", "-n", "myManagedCluster", "--yes")
	if complaint := az.Refused(t, "group", "show", "-n", seedNodes); !strings.Contains(complaint, "ResourceGroupNotFound") {
		t.Errorf("the node resource group: %s", complaint)
	}
}

// The names of seed 000's cluster, as az makes it, and of its own resources.
const (
	seedNodes     = "MC_myResourceGroup_myManagedCluster_westus2"
	seedNodeCount = "3"
)

// lockedNodes locks one resource of the node resource group, which AKS takes for a lock of the group.
func lockedNodes(t *testing.T, az *rig.Az) {
	lock := []string{"--name", "keep", "--resource-group", seedNodes, "--resource", "kubernetes", "--resource-type", "Microsoft.Network/loadBalancers"}
	az.Must(t, append([]string{"lock", "create", "--lock-type", "CanNotDelete"}, lock...)...)
	scale := []string{"aks", "scale", "-g", "myResourceGroup", "-n", "myManagedCluster", "--node-count"}
	if said := az.Refused(t, append(scale, "2")...); !strings.Contains(said, "(ResourceGroupLocked)") || !strings.Contains(said, "Resource group '"+seedNodes+"'") {
		t.Errorf("scaled down: az says %s", said)
	}
	if said := az.Refused(t, "aks", "delete", "-g", "myResourceGroup", "-n", "myManagedCluster", "--yes"); !strings.Contains(said, "(ScopeLocked)") {
		t.Errorf("deleted: az says %s", said)
	}
	az.Must(t, append(scale, seedNodeCount)...) // nothing goes
	az.Must(t, append([]string{"lock", "delete"}, lock...)...)
}

// deletedIdentity deletes the nodes' identity and the role of the control plane's, and scales down: the nodes have another
// identity then, and the control plane its role.
func deletedIdentity(t *testing.T, az *rig.Az) {
	tsv := func(args ...string) string { t.Helper(); return az.Must(t, append(args, "-o", "tsv")...) }
	show := func(query string) string {
		t.Helper()
		return tsv("aks", "show", "-g", "myResourceGroup", "-n", "myManagedCluster", "--query", query)
	}
	former, principal := show("identityProfile.kubeletidentity.clientId"), show("identity.principalId")
	group := tsv("group", "show", "-n", seedNodes, "--query", "id")
	az.Must(t, "identity", "delete", "-g", seedNodes, "-n", "myManagedCluster-agentpool")
	az.Must(t, "role", "assignment", "delete", "--assignee", principal, "--role", "Contributor", "--scope", group)
	az.Must(t, "aks", "scale", "-g", "myResourceGroup", "-n", "myManagedCluster", "--node-count", "2")
	now := tsv("identity", "show", "-g", seedNodes, "-n", "myManagedCluster-agentpool", "--query", "clientId")
	if shown := show("identityProfile.kubeletidentity.clientId"); shown != now || now == former {
		t.Errorf("the cluster shows the kubelet identity %s; it was %s and is %s", shown, former, now)
	}
	set := tsv("vmss", "list", "-g", seedNodes, "--query", "[0].name")
	if got := az.Must(t, "vmss", "identity", "show", "-g", seedNodes, "-n", set, "-o", "json"); !strings.Contains(got, now) {
		t.Errorf("the scale set has %s", got)
	}
	if roles := tsv("role", "assignment", "list", "--assignee", principal, "--scope", group, "--query", "[].roleDefinitionName"); roles != "Contributor" {
		t.Errorf("the control plane's roles: %q", roles)
	}
}

//go:build e2e

package e2e_test

import (
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/resources/armresources"

	"github.com/lanyard-project/lanyard/test/e2e/rig"
)

// TestTerraformCluster applies the Terraform example of seed 002, changes its node count, and destroys it.
func TestTerraformCluster(t *testing.T) {
	cloud := rig.Start(t)
	tf := cloud.Terraform(t, "testdata/terraform/kubelet")
	if tf == nil {
		return
	}
	tf.Apply(t)
	tf.Settled(t)
	// "Verify the Terraform deployment".
	if got := cloud.Az(t).Must(t, "aks", "show", "--name", "aks-kubelet", "--resource-group", "aks-rg", "--query", "identity.type", "--output", "tsv"); got != "UserAssigned" {
		t.Errorf("identity.type is %q, want UserAssigned", got)
	}
	tf.Change(t, "main.tf", func(text string) string { return strings.Replace(text, "node_count = 1", "node_count = 2", 1) })
	tf.Apply(t)
	made, err := cloud.Clusters(t).Get(t.Context(), "aks-rg", "aks-kubelet", nil)
	if err != nil {
		t.Fatal(err)
	}
	if count := *made.Properties.AgentPoolProfiles[0].Count; count != 2 {
		t.Errorf("the pool has %d nodes, want 2", count)
	}
	tf.Settled(t)
	tf.Must(t, "destroy", "-auto-approve")
}

// TestTerraformRoles applies the role assignments of seed 001 for both identities of a cluster.
func TestTerraformRoles(t *testing.T) {
	cloud := rig.Start(t)
	tf := cloud.Terraform(t, "testdata/terraform/roles")
	if tf == nil {
		return
	}
	tf.Apply(t)
	tf.Settled(t)
	made, err := cloud.Clusters(t).Get(t.Context(), "roles-rg", "k8s", nil)
	if err != nil {
		t.Fatal(err)
	}
	az := cloud.Az(t)
	for principal, want := range map[string]string{
		*made.Identity.PrincipalID:                                   "Contributor Network Contributor",
		*made.Properties.IdentityProfile["kubeletidentity"].ObjectID: "Managed Identity Operator",
	} {
		got := az.Must(t, "role", "assignment", "list", "--all", "--query", "sort([?principalId=='"+principal+"'].roleDefinitionName)", "-o", "tsv")
		if got = strings.Join(strings.Split(got, "\n"), " "); got != want {
			t.Errorf("the roles of %s are %q, want %q", principal, got, want)
		}
	}
	tf.Must(t, "destroy", "-auto-approve")
}

// TestTerraformResources applies what stands around clusters; no second plan finds anything to do, and nothing is left.
// Its destroy takes three and a half minutes, in which the provider makes sure that the custom role stays away.
func TestTerraformResources(t *testing.T) {
	cloud := rig.Start(t)
	tf := cloud.Terraform(t, "testdata/terraform/resources")
	if tf == nil {
		return
	}
	tf.Apply(t)
	tf.Settled(t)
	tf.Must(t, "destroy", "-auto-approve")
	groups, err := armresources.NewResourceGroupsClient(cloud.Admin.SubscriptionID, cloud.Credential, cloud.Options)
	if err != nil {
		t.Fatal(err)
	}
	if left, err := groups.CheckExistence(t.Context(), "landscape", nil); err != nil || left.Success {
		t.Errorf("the group is still there: %v", err)
	}
}

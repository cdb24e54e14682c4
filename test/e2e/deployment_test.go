//go:build e2e

package e2e_test

import (
	"strings"
	"testing"

	"github.com/lanyard-project/lanyard/test/e2e/rig"
)

// TestClusterByTemplate deploys the quick-start's template with the real az, as seed 000 says that managed-identity clusters
// can be made too: a cluster, an identity, and a role on it for the cluster's kubelets.
func TestClusterByTemplate(t *testing.T) {
	cloud := rig.Start(t)
	az := cloud.Az(t)
	az.Must(t, "group", "create", "--name", "byTemplate", "--location", "westus2")
	deploy := []string{"--resource-group", "byTemplate", "--template-file", "testdata/managed-cluster.json", "--parameters", "clusterName=templated"}
	az.Must(t, append([]string{"deployment", "group", "validate"}, deploy...)...)
	fqdn := az.Must(t, append([]string{"deployment", "group", "create", "--name", "first", "--query", "properties.outputs.controlPlaneFQDN.value", "-o", "tsv"}, deploy...)...)
	if !strings.HasPrefix(fqdn, "templated-") {
		t.Errorf("controlPlaneFQDN is %q", fqdn)
	}
	if got := az.Must(t, "deployment", "operation", "group", "list", "-g", "byTemplate", "-n", "first", "--query", "length([?properties.provisioningState=='Succeeded'])", "-o", "tsv"); got != "3" {
		t.Errorf("%s operations have succeeded, want 3", got)
	}
	kubelet := az.Must(t, "aks", "show", "-g", "byTemplate", "-n", "templated", "--query", "identityProfile.kubeletidentity.objectId", "-o", "tsv")
	identity := az.Must(t, "identity", "show", "-g", "byTemplate", "-n", "demo", "--query", "id", "-o", "tsv")
	if role := az.Must(t, "role", "assignment", "list", "--assignee", kubelet, "--scope", identity, "--query", "[0].roleDefinitionName", "-o", "tsv"); role != "Managed Identity Operator" {
		t.Errorf("the kubelets have the role %q on the identity", role)
	}
	az.Must(t, "aks", "delete", "-g", "byTemplate", "-n", "templated", "--yes")
}

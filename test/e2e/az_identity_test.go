//go:build e2e

package e2e_test

import (
	"strings"
	"testing"

	"github.com/lanyard-project/lanyard/test/e2e/rig"
)

// TestAzOnANode signs the real az in with az login --identity on a node, with nothing configured: the token comes from
// 169.254.169.254, and management.azure.com is the cloud, as on a virtual machine of Azure's.
func TestAzOnANode(t *testing.T) {
	cloud := rig.Start(t)
	owner := cloud.Az(t)
	tsv := func(az *rig.Az, args ...string) string { t.Helper(); return az.Must(t, append(args, "-o", "tsv")...) }
	for _, group := range []string{"clusters", "apps", "closed"} {
		cloud.Group(t, group)
	}
	cluster := cloud.Create(t, "clusters", "c", rig.NewCluster())
	kubelet := cluster.Properties.IdentityProfile["kubeletidentity"]
	kubelets := processes(t, cloud.Cloud, "kubelet")
	if len(kubelets) != 1 {
		t.Fatalf("%d nodes", len(kubelets))
	}
	az := cloud.AzOn(t, kubelets[0])
	if said := az.Refused(t, "login", "--identity"); !strings.Contains(said, "No access was configured for the VM") {
		t.Errorf("an identity without any role: %s", said)
	}
	reads := func(principal, group string) {
		t.Helper()
		owner.Must(t, "role", "assignment", "create", "--assignee-object-id", principal, "--assignee-principal-type", "ServicePrincipal", "--role", "Reader",
			"--scope", tsv(owner, "group", "show", "-n", group, "--query", "id"))
	}
	reads(*kubelet.ObjectID, "apps")
	az.Must(t, "login", "--identity")
	if got := tsv(az, "group", "list", "--query", "[].name"); got != "apps" {
		t.Errorf("the identity sees the groups %q", got)
	}
	if got := tsv(az, "account", "show", "--query", "[environmentName, id, user.name]"); got != "AzureCloud\n"+cloud.Admin.SubscriptionID+"\nsystemAssignedIdentity" {
		t.Errorf("the account is %q", got)
	}
	for _, line := range [][]string{{"group", "show", "-n", "closed"}, {"group", "delete", "-n", "apps", "--yes"}, {"identity", "create", "-g", "apps", "-n", "x"}} {
		if said := az.Refused(t, line...); !strings.Contains(said, "AuthorizationFailed") {
			t.Errorf("az %s: %s", strings.Join(line, " "), said)
		}
	}

	// With a second identity on the node, az has to say which.
	owner.Must(t, "identity", "create", "-g", "apps", "-n", "app")
	app, principal := tsv(owner, "identity", "show", "-g", "apps", "-n", "app", "--query", "id"), tsv(owner, "identity", "show", "-g", "apps", "-n", "app", "--query", "principalId")
	reads(principal, "closed")
	nodes := *cluster.Properties.NodeResourceGroup
	owner.Must(t, "vmss", "identity", "assign", "-g", nodes, "-n", tsv(owner, "vmss", "list", "-g", nodes, "--query", "[0].name"), "--identities", app)
	if said := az.Refused(t, "login", "--identity"); !strings.Contains(said, "returned http error: 400") {
		t.Errorf("without saying which: %s", said)
	}
	for name, as := range map[string]string{"client ID": tsv(owner, "identity", "show", "--ids", app, "--query", "clientId"), "object ID": principal, "resource ID": app} {
		az.Must(t, "login", "--identity", "--username", as)
		if got := tsv(az, "group", "list", "--query", "[].name"); got != "closed" {
			t.Errorf("by its %s, the identity sees the groups %q", name, got)
		}
	}
	if said := az.Refused(t, "login", "--identity", "--username", "11111111-2222-3333-4444-555555555555"); !strings.Contains(said, "Failed to connect to MSI") && !strings.Contains(said, "Identity not found") {
		t.Errorf("an identity that the node doesn't have: %s", said)
	}
	az.Must(t, "login", "--identity", "--username", *kubelet.ClientID)
	if token := tsv(az, "account", "get-access-token", "--resource", "https://storage.azure.com/", "--query", "tokenType"); token != "Bearer" {
		t.Errorf("a token for storage: %s", token)
	}
}

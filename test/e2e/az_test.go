//go:build e2e

package e2e_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/lanyard-project/lanyard/test/e2e/rig"
)

// TestAz runs the real az through the commands that a user of managed identities types around clusters.
func TestAz(t *testing.T) {
	cloud := rig.Start(t, "--registration-time=1s")
	az := cloud.Az(t)
	tsv := func(want string, args ...string) {
		t.Helper()
		if got := az.Must(t, append(args, "-o", "tsv")...); got != want {
			t.Errorf("az %s: %q, want %q", strings.Join(args, " "), got, want)
		}
	}
	refused := func(want string, args ...string) {
		t.Helper()
		if got := az.Refused(t, args...); !strings.Contains(got, want) {
			t.Errorf("az %s: %s\nwant %s", strings.Join(args, " "), got, want)
		}
	}
	tsv(cloud.Admin.SubscriptionID, "account", "show", "--query", "id")
	az.Must(t, "group", "create", "-n", "typed", "-l", "eastus", "--tags", "stage=test")
	tsv("true", "group", "exists", "-n", "typed")
	tsv("eastus", "group", "list", "--tag", "stage=test", "--query", "[].location")
	refused("ResourceGroupNotFound", "group", "show", "-n", "none")

	az.Must(t, "identity", "create", "-g", "typed", "-n", "app")
	principal := az.Must(t, "identity", "show", "-g", "typed", "-n", "app", "--query", "principalId", "-o", "tsv")
	if table := az.Must(t, "identity", "list", "-g", "typed", "-o", "table"); !strings.Contains(table, "Name") || !strings.Contains(table, "app") {
		t.Errorf("the table of identities is\n%s", table)
	}
	refused("ResourceNotFound", "identity", "show", "-g", "typed", "-n", "none")

	az.Must(t, "network", "vnet", "create", "-g", "typed", "-n", "vnet", "--address-prefixes", "10.40.0.0/16", "--subnet-name", "nodes", "--subnet-prefixes", "10.40.1.0/24")
	tsv("10.40.1.0/24", "network", "vnet", "subnet", "show", "-g", "typed", "--vnet-name", "vnet", "-n", "nodes", "--query", "addressPrefix")
	vnet := az.Must(t, "network", "vnet", "show", "-g", "typed", "-n", "vnet", "--query", "id", "-o", "tsv")

	az.Must(t, "role", "assignment", "create", "--assignee-object-id", principal, "--assignee-principal-type", "ServicePrincipal", "--role", "Network Contributor", "--scope", vnet)
	tsv("Network Contributor", "role", "assignment", "list", "--assignee", principal, "--scope", vnet, "--query", "[].roleDefinitionName")
	tsv("AcrPull", "role", "definition", "list", "--name", "AcrPull", "--query", "[].roleName")
	refused("doesn't exist", "role", "assignment", "create", "--assignee", principal, "--role", "No Such Role", "--scope", vnet)
	az.Must(t, "role", "assignment", "delete", "--assignee", principal, "--role", "Network Contributor", "--scope", vnet)

	tsv("Registered", "provider", "show", "-n", "Microsoft.ContainerService", "--query", "registrationState")
	refused("InvalidResourceNamespace", "provider", "show", "-n", "Microsoft.Nothing")
	az.Must(t, "feature", "register", "--namespace", "Microsoft.ContainerService", "--name", "EnablePodIdentityPreview")
	if state := az.Must(t, "feature", "show", "--namespace", "Microsoft.ContainerService", "--name", "EnablePodIdentityPreview", "--query", "properties.state", "-o", "tsv"); !strings.HasPrefix(state, "Register") {
		t.Errorf("the feature is %s", state)
	}

	az.Must(t, "lock", "create", "--name", "keep", "--lock-type", "CanNotDelete", "-g", "typed")
	refused("ScopeLocked", "group", "delete", "-n", "typed", "--yes")
	az.Must(t, "lock", "delete", "--name", "keep", "-g", "typed")
	az.Must(t, "tag", "update", "--resource-id", vnet, "--operation", "Merge", "--tags", "team=net")
	tsv("net", "network", "vnet", "show", "-g", "typed", "-n", "vnet", "--query", "tags.team")

	var created struct{ AppID, Password, Tenant string }
	if err := json.Unmarshal([]byte(az.Must(t, "ad", "sp", "create-for-rbac", "--name", "typed-app", "--role", "Reader", "--scopes", vnet, "-o", "json")), &created); err != nil {
		t.Fatal(err)
	}
	tsv(created.AppID, "ad", "sp", "show", "--id", created.AppID, "--query", "appId")
	tsv(created.AppID, "ad", "sp", "list", "--display-name", "typed-app", "--query", "[].appId")
	refused("not exist", "ad", "sp", "show", "--id", "11111111-2222-3333-4444-555555555555")

	// The reader of one network, in a profile of his own.
	reader := cloud.NewAz(t)
	if said := reader.Refused(t, "login", "--service-principal", "-u", created.AppID, "-p", "wrong", "--tenant", created.Tenant); !strings.Contains(said, "AADSTS7000215") {
		t.Errorf("a wrong secret: %s", said)
	}
	reader.Must(t, "login", "--service-principal", "-u", created.AppID, "-p", created.Password, "--tenant", created.Tenant)
	reader.Must(t, "network", "vnet", "show", "--ids", vnet)
	if said := reader.Refused(t, "network", "vnet", "delete", "--ids", vnet); !strings.Contains(said, "AuthorizationFailed") {
		t.Errorf("a reader deletes: %s", said)
	}
	az.Must(t, "group", "delete", "-n", "typed", "--yes")
	tsv("false", "group", "exists", "-n", "typed")
}

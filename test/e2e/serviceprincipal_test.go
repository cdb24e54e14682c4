//go:build e2e

package e2e_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/lanyard-project/lanyard/test/e2e/rig"
)

// TestServicePrincipalWithAz takes a cluster, with the real az, from a service principal with one secret to the next
// secret and on to a managed identity, from where there is no way back (seeds 000 and 002).
func TestServicePrincipalWithAz(t *testing.T) {
	cloud := rig.Start(t)
	az := cloud.Az(t)
	tsv := func(args ...string) string { t.Helper(); return az.Must(t, append(args, "-o", "tsv")...) }
	var robot struct{ AppID, Password string }
	if err := json.Unmarshal([]byte(az.Must(t, "ad", "sp", "create-for-rbac", "--name", "robot", "-o", "json")), &robot); err != nil {
		t.Fatal(err)
	}
	az.Must(t, "group", "create", "-n", "rg", "-l", rig.Location)
	az.Must(t, "aks", "create", "-g", "rg", "-n", "c", "--node-count", "1", "--service-principal", robot.AppID, "--client-secret", robot.Password, "--generate-ssh-keys")
	shows := func(query, want string) {
		t.Helper()
		if got := tsv("aks", "show", "-g", "rg", "-n", "c", "--query", query); got != want {
			t.Errorf("%s is %q, want %q", query, got, want)
		}
	}
	kube := cloud.Kubectl(t, "rg", "c")
	ready := func(what string) {
		t.Helper()
		if _, err := kube.WaitFor(t.Context(), time.Minute, what, func(out string) bool { return strings.Contains(out, " Ready ") }, "get", "nodes", "--no-headers"); err != nil {
			t.Error(err)
		}
	}
	shows("servicePrincipalProfile.clientId", robot.AppID)
	ready("a node of a cluster with a service principal")

	// Of the application: create-for-rbac put the first secret there, not at the service principal.
	next := tsv("ad", "app", "credential", "reset", "--id", robot.AppID, "--query", "password")
	reset := []string{"aks", "update-credentials", "-g", "rg", "-n", "c", "--reset-service-principal", "--service-principal", robot.AppID, "--client-secret"}
	if said := az.Refused(t, append(reset, robot.Password)...); !strings.Contains(said, "AADSTS7000215") {
		t.Errorf("the secret that is gone: az says %s", said)
	}
	az.Must(t, append(reset, next)...)
	ready("the node with the new secret")

	az.Must(t, "aks", "update", "-g", "rg", "-n", "c", "--enable-managed-identity", "--yes")
	shows("identity.type", "SystemAssigned")
	shows("servicePrincipalProfile.clientId", "msi")
	ready("the node of a cluster with a managed identity")
	if said := az.Refused(t, append(reset, next)...); !strings.Contains(said, "ResetServicePrincipalProfileNotAllowed") {
		t.Errorf("back to the service principal: az says %s", said)
	}
}

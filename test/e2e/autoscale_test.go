//go:build e2e

package e2e_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/lanyard-project/lanyard/test/e2e/rig"
)

// TestIdentityScalesAScaleSet scales a cluster's nodes as a cluster autoscaler does: by the capacity of their scale set and
// by deleting instances of it, with the right to that and without.
func TestIdentityScalesAScaleSet(t *testing.T) {
	cloud := rig.Start(t)
	cloud.Group(t, "rg")
	cloud.Create(t, "rg", "c", rig.NewCluster())
	kube := cloud.Kubectl(t, "rg", "c")
	az := cloud.Az(t)
	group := "MC_rg_c_" + rig.Location
	set := az.Must(t, "vmss", "list", "--resource-group", group, "--query", "[0].name", "--output", "tsv")
	var made struct{ AppID, Password, Tenant string }
	if err := json.Unmarshal([]byte(az.Must(t, "ad", "sp", "create-for-rbac", "--name", "autoscaler", "--role", "Reader", "--scopes", cloud.Scope(group), "--output", "json")), &made); err != nil {
		t.Fatal(err)
	}
	scaler := cloud.NewAz(t)
	scaler.Must(t, "login", "--service-principal", "--username", made.AppID, "--password", made.Password, "--tenant", made.Tenant)
	nodes := func(want ...string) {
		t.Helper()
		if _, err := kube.WaitFor(t.Context(), healLimit, "the nodes "+strings.Join(want, " "), func(out string) bool {
			have := strings.Fields(out)
			if len(have) != len(want) {
				return false
			}
			for i, node := range have {
				if node != set+want[i]+"=True" {
					return false
				}
			}
			return true
		}, "get", "nodes", "-o", `jsonpath={range .items[*]}{.metadata.name}={.status.conditions[?(@.type=="Ready")].status} {end}`); err != nil {
			t.Fatal(err)
		}
	}
	scale := func(to string) []string {
		return []string{"vmss", "scale", "--resource-group", group, "--name", set, "--new-capacity", to, "--output", "none"}
	}
	remove := func(id string) []string {
		return []string{"vmss", "delete-instances", "--resource-group", group, "--name", set, "--instance-ids", id, "--output", "none"}
	}
	refused := func(action string, args []string) {
		t.Helper()
		if said := scaler.Refused(t, args...); !strings.Contains(said, "AuthorizationFailed") || !strings.Contains(said, action) {
			t.Errorf("az %s: %s", strings.Join(args, " "), said)
		}
	}
	refused("Microsoft.Compute/virtualMachineScaleSets/write", scale("2"))
	refused("Microsoft.Compute/virtualMachineScaleSets/delete/action", remove("0"))
	role := []string{"--assignee", made.AppID, "--role", "Virtual Machine Contributor", "--scope", cloud.Scope(group)}
	az.Must(t, append([]string{"role", "assignment", "create"}, role...)...)
	scaler.Must(t, scale("2")...)
	nodes("000000", "000001")
	if count := az.Must(t, "aks", "show", "--resource-group", "rg", "--name", "c", "--query", "agentPoolProfiles[0].count", "--output", "tsv"); count != "2" {
		t.Errorf("the pool's count is %s", count)
	}
	settled(t, az)
	scaler.Must(t, remove("0")...) // a certain one, not the newest
	nodes("000001")
	settled(t, az)
	instance := "/subscriptions/{subscriptionId}/resourceGroups/" + group + "/providers/Microsoft.Compute/virtualMachineScaleSets/" + set + "/virtualMachines/1?api-version=2024-07-01"
	scaler.Must(t, scale("2")...)
	settled(t, az)
	scaler.Must(t, "rest", "--method", "delete", "--url", instance, "--output", "none") // one by itself: goes on until its node is gone
	if _, err := kube.WaitFor(t.Context(), healLimit, "one node, and not the one that was deleted", func(out string) bool {
		have := strings.Fields(out)
		return len(have) == 1 && have[0] != set+"000001=True" && strings.HasSuffix(have[0], "=True")
	}, "get", "nodes", "-o", `jsonpath={range .items[*]}{.metadata.name}={.status.conditions[?(@.type=="Ready")].status} {end}`); err != nil {
		t.Fatal(err)
	}
	settled(t, az)
	list := []string{"vmss", "list-instances", "--resource-group", group, "--name", set, "--query", "[].osProfile.computerName", "--output", "tsv"}
	left := strings.Fields(az.Must(t, list...))
	for deadline := time.Now().Add(healLimit); len(left) != 1; left = strings.Fields(az.Must(t, list...)) {
		if time.Now().After(deadline) {
			t.Fatalf("instances that are left: %v", left)
		}
	}
	az.Must(t, append([]string{"role", "assignment", "delete"}, role...)...)
	refused("Microsoft.Compute/virtualMachineScaleSets/write", scale("2"))
	settled(t, az)
	nodes(strings.TrimPrefix(left[0], set))
}

// settled waits until nothing is going on at the cluster.
func settled(t *testing.T, az *rig.Az) {
	t.Helper()
	az.Must(t, "aks", "wait", "--resource-group", "rg", "--name", "c", "--updated", "--interval", "1", "--timeout", "120")
}

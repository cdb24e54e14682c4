//go:build e2e

package e2e_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lanyard-project/lanyard/test/e2e/rig"
)

// TestClusterAfterItsCredentialsRotated moves the clock past the 46 days after which the credentials of managed identities
// rotate, then past the overlap in which the old ones are good: the cloud provider, the kubelet and a new node go on, each
// with tokens of the new credential.
func TestClusterAfterItsCredentialsRotated(t *testing.T) {
	cloud, kube, plane, _ := balancedCluster(t, "--clock=movable")
	lanyard := lanyardIn(t, cloud)
	lanyard("acr", "create", "-g", "rg", "-n", "movedregistry", "--sku", "Basic")
	const image = "movedregistry.azurecr.io/team/pause:1"
	push(t, cloud, exposed(t, lanyard("acr", "login", "-n", "movedregistry", "--expose-token")), image)
	lanyard("aks", "update", "-g", "rg", "-n", "c", "--attach-acr", "movedregistry")
	kubelet := lanyard("aks", "show", "-g", "rg", "-n", "c", "--query", "identityProfile.kubeletidentity.objectId", "-o", "tsv")
	certificates := func(principal string) []string {
		return strings.Fields(lanyard("ad", "sp", "show", "--id", principal, "--query", "keyCredentials[].keyId", "-o", "tsv"))
	}
	works := func(t *testing.T, name string) {
		t.Helper()
		expose(t, kube, name, nil, "")
		startImage(t, kube, name, image)
		reach(t, ingress(t, kube, name, healLimit), healLimit)
		awaitRunning(t, kube, name)
	}
	works(t, "before")
	first := map[string][]string{plane: certificates(plane), kubelet: certificates(kubelet)}

	// move ends all tokens that were given out so far, the test's own as well.
	move := func(by string) {
		t.Helper()
		t.Logf("clock: %s", lanyard("rest", "--method", "post", "--url", "/lanyard/clock", "--body", `{"advance":"`+by+`"}`))
		lanyard = lanyardIn(t, cloud)
		var err error
		if cloud.Credential, cloud.Options, err = cloud.SDK(cloud.Admin.TenantID, cloud.Admin.ClientID, cloud.Admin.ClientSecret); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("after 46 days the credentials are new ones", func(t *testing.T) {
		move("46d1h")
		for principal, before := range first {
			if len(before) != 1 {
				t.Fatalf("%s began with the certificates %q, want one", principal, before)
			}
			for end := time.Now().Add(healLimit); ; time.Sleep(200 * time.Millisecond) {
				now := certificates(principal)
				if len(now) == 2 && slices.Contains(now, before[0]) {
					break
				}
				if time.Now().After(end) {
					t.Fatalf("%s has the certificates %q, want %q and a new one", principal, now, before)
				}
			}
		}
		works(t, "rotated")
	})
	t.Run("nor is the old one needed after the overlap", func(t *testing.T) {
		move("25h")
		works(t, "later")
		for _, service := range []string{"before", "rotated"} {
			reach(t, ingress(t, kube, service, healLimit), healLimit)
		}
	})
	t.Run("a node joins that was made after the move", func(t *testing.T) {
		lanyard("aks", "scale", "-g", "rg", "-n", "c", "--node-count", "3")
		ready := output(t, kube, "get", "nodes", "-o", `jsonpath={.items[*].status.conditions[?(@.type=="Ready")].status}`)
		if ready != "True True True" {
			t.Errorf("nodes that are ready: %s", ready)
		}
		works(t, "scaled")
	})
	output(t, kube, "delete", "service", "before", "rotated", "later", "scaled")
	if left := cloud.Kinds(t, "MC_rg_c_"+rig.Location); left["Microsoft.Network/publicIPAddresses"] != 1 {
		t.Errorf("left in the node resource group: %v", left)
	}
}

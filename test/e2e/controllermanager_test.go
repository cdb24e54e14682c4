//go:build e2e

package e2e_test

import (
	"fmt"
	"net/netip"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lanyard-project/lanyard/test/e2e/rig"
)

// TestCloudControllerManagerIsKilled has it killed again and again, its identity changed and its token refused while
// Services come, and has one want an address by spec.loadBalancerIP: no address is made twice, and nothing is left.
func TestCloudControllerManagerIsKilled(t *testing.T) {
	cloud, kube, principal, vnet := balancedCluster(t)
	t.Run("killed while Services come", func(t *testing.T) {
		stop, done := make(chan struct{}), make(chan int)
		go func() {
			kills := 0
			defer func() { done <- kills }()
			for {
				select {
				case <-stop:
					return
				case <-time.After(300 * time.Millisecond):
					for _, pid := range processes(t, cloud.Cloud, "cloud-provider") {
						if syscall.Kill(pid, syscall.SIGKILL) == nil {
							kills++
						}
					}
				}
			}
		}()
		const services = 4
		for i := range services {
			expose(t, kube, fmt.Sprintf("s%d", i), nil, "")
			time.Sleep(500 * time.Millisecond)
		}
		close(stop)
		if kills := <-done; kills == 0 {
			t.Error("nothing was killed")
		} else {
			t.Logf("killed %d times", kills)
		}
		seen := map[netip.Addr]bool{}
		for i := range services {
			public := ingress(t, kube, fmt.Sprintf("s%d", i), healLimit)
			reach(t, public, healLimit)
			seen[public] = true
		}
		if len(seen) != services {
			t.Errorf("%d services have %d addresses", services, len(seen))
		}
		if n := cloud.Kinds(t, "MC_rg_c_"+rig.Location)["Microsoft.Network/publicIPAddresses"]; n != services+1 {
			t.Errorf("there are %d public addresses for %d services and the outbound one", n, services)
		}
		for i := range services {
			output(t, kube, "delete", "service", fmt.Sprintf("s%d", i))
		}
	})
	t.Run("spec.loadBalancerIP wants an address of the user's", func(t *testing.T) {
		address := cloud.PublicAddress(t, "addresses", "wanted")
		cloud.Grant(t, principal, rig.NetworkContributor, cloud.Scope("addresses"))
		expose(t, kube, "fixed", map[string]string{"azure-load-balancer-resource-group": "addresses"}, ", loadBalancerIP: "+address)
		if got := ingress(t, kube, "fixed", healLimit); got.String() != address {
			t.Errorf("the service has %s, want %s", got, address)
		}
		reach(t, netip.MustParseAddr(address), healLimit)
		output(t, kube, "delete", "service", "fixed")
		if n := cloud.Kinds(t, "addresses")["Microsoft.Network/publicIPAddresses"]; n != 1 {
			t.Error("the user's address went with the service")
		}
	})
	t.Run("another identity is given to the cluster while Services come", func(t *testing.T) {
		lanyard := lanyardIn(t, cloud)
		other := lanyard("identity", "create", "-g", "rg", "-n", "plane2", "--query", "id", "-o", "tsv")
		second := lanyard("identity", "show", "-g", "rg", "-n", "plane2", "--query", "principalId", "-o", "tsv")
		cloud.Grant(t, second, rig.NetworkContributor, vnet) // the nodes' subnet is in it
		lanyard("aks", "update", "-g", "rg", "-n", "c", "--enable-managed-identity", "--assign-identity", other, "--yes", "--no-wait")
		for i := range 3 {
			expose(t, kube, fmt.Sprintf("t%d", i), nil, "")
			time.Sleep(time.Second)
		}
		lanyard("aks", "wait", "-g", "rg", "-n", "c", "--updated", "--interval", "1", "--timeout", "120")
		if kind := lanyard("aks", "show", "-g", "rg", "-n", "c", "--query", "identity.type", "-o", "tsv"); kind != "UserAssigned" {
			t.Errorf("the cluster's identity is %s", kind)
		}
		expose(t, kube, "t3", nil, "") // by the new one alone
		for i := range 4 {
			reach(t, ingress(t, kube, fmt.Sprintf("t%d", i), healLimit), healLimit)
		}
		// What was granted to the identity before does nothing for this one.
		expose(t, kube, "fixed", map[string]string{"azure-load-balancer-resource-group": "addresses", "azure-pip-name": "wanted"}, "")
		refused(t, kube, "fixed", "AuthorizationFailed", "Microsoft.Network/publicIPAddresses/read")
		cloud.Grant(t, second, rig.NetworkContributor, cloud.Scope("addresses"))
		reach(t, ingress(t, kube, "fixed", healLimit), healLimit)
		output(t, kube, "delete", "service", "t0", "t1", "t2", "t3", "fixed")
	})
	t.Run("the key that signed its token is taken out of use while Services come", func(t *testing.T) {
		expose(t, kube, "k0", nil, "")
		reach(t, ingress(t, kube, "k0", healLimit), healLimit) // its token is believed
		signing := ""
		for line := range strings.SplitSeq(keys(t, cloud, "list"), "\n") {
			if fields := strings.Fields(line); len(fields) > 1 && fields[1] == "signs" {
				signing = fields[0]
			}
		}
		for i := range 3 {
			if i == 1 {
				t.Log(keys(t, cloud, "drop", signing))
			}
			expose(t, kube, fmt.Sprintf("k%d", i+1), nil, "")
		}
		for i := range 4 {
			reach(t, ingress(t, kube, fmt.Sprintf("k%d", i), healLimit), healLimit)
		}
		output(t, kube, "delete", "service", "k0", "k1", "k2", "k3")
	})
	// The administrator's token went with its key, too.
	var err error
	if cloud.Credential, cloud.Options, err = cloud.SDK(cloud.Admin.TenantID, cloud.Admin.ClientID, cloud.Admin.ClientSecret); err != nil {
		t.Fatal(err)
	}
	if left := cloud.Kinds(t, "MC_rg_c_"+rig.Location); left["Microsoft.Network/publicIPAddresses"] != 1 {
		t.Errorf("left in the node resource group: %v", left)
	}
}

// keys runs a command on the keys that sign tokens.
func keys(t *testing.T, cloud *rig.Cloud, args ...string) string {
	t.Helper()
	args = append([]string{"keys", "--data-dir=" + cloud.DataDir(), "--run-dir=" + cloud.RunDir(), "--kube-dir=" + filepath.Join(cloud.Build, "kube")}, args...)
	out, err := exec.CommandContext(t.Context(), filepath.Join(cloud.Build, "bin", "lanyardd"), args...).CombinedOutput()
	if err != nil {
		t.Fatalf("lanyardd %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

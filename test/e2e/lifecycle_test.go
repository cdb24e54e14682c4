//go:build e2e

package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/containerservice/armcontainerservice/v6"

	"github.com/lanyard-project/lanyard/internal/cli/local"
	"github.com/lanyard-project/lanyard/test/e2e/rig"
)

// TestClusterLifecycle walks one cluster through what az aks and az aks nodepool do with it after its creation, on real
// nodes with pods on them.
func TestClusterLifecycle(t *testing.T) {
	whole := t
	cloud := rig.Start(t)
	cloud.Group(t, "rg")
	cloud.Create(t, "rg", "c", rig.NewCluster())
	az := cloud.Az(t)
	k := cloud.Kubectl(t, "rg", "c")
	ready := func(n int) func(string) bool {
		return func(out string) bool {
			return strings.Count(out, " Ready ") == n && !strings.Contains(out, "NotReady") && !strings.Contains(out, "Disabled")
		}
	}
	nodes := func(what string, n int) {
		t.Helper()
		if _, err := k.WaitFor(t.Context(), time.Minute, what, ready(n), "get", "nodes", "--no-headers"); err != nil {
			t.Fatal(err)
		}
	}
	az.Must(t, "aks", "nodepool", "add", "-g", "rg", "--cluster-name", "c", "-n", "apps", "--node-count", "1", "--labels", "for=apps")
	az.Must(t, "aks", "nodepool", "scale", "-g", "rg", "--cluster-name", "c", "-n", "apps", "--node-count", "3")
	nodes("four nodes", 4)

	// Two pods that may not both be away, on nodes of their own.
	if err := k.Apply(t.Context(), spread); err != nil {
		t.Fatal(err)
	}
	running := func(out string) bool { return strings.Count(out, "Running") == 2 }
	pods := func(what string) {
		t.Helper()
		if _, err := k.WaitFor(t.Context(), 2*time.Minute, what, running, "get", "pods", "-l", "app=spread", "--no-headers"); err != nil {
			t.Fatal(err)
		}
	}
	pods("the pods")

	t.Run("scaling down drains", func(t *testing.T) {
		az.Must(t, "aks", "nodepool", "scale", "-g", "rg", "--cluster-name", "c", "-n", "apps", "--node-count", "2")
		nodes("three nodes", 3)
		pods("the pods on what is left")
	})
	t.Run("a node image upgrade replaces the nodes and moves the pods", func(t *testing.T) {
		before, err := k.Run(t.Context(), "", "get", "nodes", "-l", "for=apps", "-o", "jsonpath={.items[*].metadata.uid}")
		if err != nil {
			t.Fatal(err)
		}
		az.Must(t, "aks", "nodepool", "upgrade", "-g", "rg", "--cluster-name", "c", "-n", "apps", "--node-image-only")
		nodes("three nodes again", 3)
		pods("the pods after the upgrade")
		after, err := k.Run(t.Context(), "", "get", "nodes", "-l", "for=apps", "-o", "jsonpath={.items[*].metadata.uid}")
		if err != nil {
			t.Fatal(err)
		}
		for _, uid := range strings.Fields(before) {
			if strings.Contains(after, uid) {
				t.Errorf("node %s is the one that was", uid)
			}
		}
		if image := az.Must(t, "aks", "nodepool", "show", "-g", "rg", "--cluster-name", "c", "-n", "apps", "--query", "nodeImageVersion", "-o", "tsv"); !strings.HasSuffix(image, "-2") {
			t.Errorf("node image %s", image)
		}
	})
	t.Run("a disruption budget that allows nothing fails the upgrade, and the node takes pods again", func(t *testing.T) {
		if _, err := k.Run(t.Context(), "", "patch", "pdb", "spread", "--type=merge", "-p", `{"spec":{"minAvailable":2}}`); err != nil {
			t.Fatal(err)
		}
		pools, err := armcontainerservice.NewAgentPoolsClient(cloud.Admin.SubscriptionID, cloud.Credential, cloud.Options)
		if err != nil {
			t.Fatal(err)
		}
		changing, err := pools.BeginCreateOrUpdate(t.Context(), "rg", "c", "apps", armcontainerservice.AgentPool{Properties: &armcontainerservice.ManagedClusterAgentPoolProfileProperties{
			UpgradeSettings: &armcontainerservice.AgentPoolUpgradeSettings{DrainTimeoutInMinutes: to.Ptr[int32](1)},
		}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := changing.PollUntilDone(t.Context(), rig.Poll()); err != nil {
			t.Fatal(err)
		}
		upgrading, err := pools.BeginUpgradeNodeImageVersion(t.Context(), "rg", "c", "apps", nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := upgrading.PollUntilDone(t.Context(), rig.Poll()); err == nil || !strings.Contains(err.Error(), "UpgradeFailed") || !strings.Contains(err.Error(), "blocked by pdb spread") {
			t.Errorf("the upgrade: %v", err)
		}
		if _, err := k.Run(t.Context(), spread, "delete", "-f", "-", "--now"); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("deleting the pool", func(t *testing.T) {
		az.Must(t, "aks", "nodepool", "delete", "-g", "rg", "--cluster-name", "c", "-n", "apps")
		nodes("one node", 1)
	})
	t.Run("stopped and started", func(t *testing.T) {
		if _, err := k.Run(t.Context(), "", "create", "configmap", "kept", "--from-literal=a=b"); err != nil {
			t.Fatal(err)
		}
		az.Must(t, "aks", "stop", "-g", "rg", "-n", "c")
		if state := az.Must(t, "aks", "show", "-g", "rg", "-n", "c", "--query", "powerState.code", "-o", "tsv"); state != "Stopped" {
			t.Errorf("power state %s", state)
		}
		if processes := cluster(t, cloud.Cloud); len(processes) != 0 {
			t.Errorf("processes of a stopped cluster: %v", processes)
		}
		if complaint := az.Refused(t, "aks", "scale", "-g", "rg", "-n", "c", "--node-count", "2"); !strings.Contains(complaint, "Power State(Stopped)") {
			t.Errorf("scaling a stopped cluster: %s", complaint)
		}
		az.Must(t, "aks", "start", "-g", "rg", "-n", "c")
		nodes("the node after the start", 1)
		if _, err := k.Run(t.Context(), "", "get", "configmap", "kept"); err != nil {
			t.Error(err)
		}
	})
	t.Run("rotated certificates", func(t *testing.T) {
		az.Must(t, "aks", "rotate-certs", "-g", "rg", "-n", "c", "--yes")
		if _, err := k.Run(t.Context(), "", "get", "nodes"); err == nil {
			t.Error("an old kubeconfig still works")
		}
		k = cloud.Kubectl(whole, "rg", "c") // the file is for the tests that follow, too
		nodes("the node after the rotation", 1)
	})
	t.Run("rotated service account keys", func(t *testing.T) {
		keysOf := func() int {
			t.Helper()
			out, err := k.WaitFor(t.Context(), time.Minute, "the key set", func(out string) bool { return strings.Contains(out, "kid") }, "get", "--raw", "/openid/v1/jwks")
			if err != nil {
				t.Fatal(err)
			}
			return strings.Count(out, `"kid"`)
		}
		before := keysOf()
		rotating, err := cloud.Clusters(t).BeginRotateServiceAccountSigningKeys(t.Context(), "rg", "c", nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := rotating.PollUntilDone(t.Context(), rig.Poll()); err != nil {
			t.Fatal(err)
		}
		if after := keysOf(); before != 1 || after != 2 {
			t.Errorf("%d keys, then %d; the former one is to stay for a day", before, after)
		}
		nodes("the node after the rotation", 1)
	})
	t.Run("killed programs are restarted and told of", func(t *testing.T) {
		for _, name := range []string{"kube-apiserver", "kubelet", "containerd"} {
			kill(t, cloud.Cloud, name)
		}
		nodes("the node after the kills", 1)
		told := func() string {
			return az.Must(t, "rest", "--method", "get", "--url", fmt.Sprintf("/subscriptions/%s/resourceGroups/rg/providers/Microsoft.ContainerService/managedClusters/c?api-version=2025-02-01", cloud.Admin.SubscriptionID), "--query", "properties.status")
		}
		for _, name := range []string{"kube-apiserver", "kubelet", "containerd"} {
			if status := told(); !strings.Contains(status, name) || !strings.Contains(status, "killed by SIGKILL") {
				t.Errorf("%s isn't told of: %s", name, status)
			}
		}
	})
	t.Run("a machine that ended starts again", func(t *testing.T) {
		before := processes(t, cloud.Cloud, "kubelet")
		end(t, cloud.Cloud)
		deadline := time.Now().Add(time.Minute)
		for now := before; len(now) != 1 || now[0] == before[0]; now = processes(t, cloud.Cloud, "kubelet") {
			if time.Now().After(deadline) {
				t.Fatal("the node's machine wasn't started again")
			}
			time.Sleep(200 * time.Millisecond)
		}
		nodes("the node", 1)
	})
}

// spread are two pods of which one has to be there, kept on nodes of the pool apps.
const spread = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: spread}
spec:
  replicas: 2
  selector: {matchLabels: {app: spread}}
  template:
    metadata: {labels: {app: spread}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{name: pause, image: "` + local.PauseImage + `"}]
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: spread}
spec:
  minAvailable: 1
  selector: {matchLabels: {app: spread}}
`

// cluster lists the programs of clusters that run for the cloud.
func cluster(t *testing.T, c *local.Cloud) []int {
	t.Helper()
	var all []int
	for _, name := range []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "containerd", "kube-proxy"} {
		all = append(all, processes(t, c, name)...)
	}
	return all
}

// processes are those of one program in the cloud's own cgroups.
func processes(t *testing.T, c *local.Cloud, program string) []int {
	t.Helper()
	folders, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	var found []int
	for _, folder := range folders {
		groups, _ := os.ReadFile(filepath.Join(folder, "cgroup"))
		cmdline, _ := os.ReadFile(filepath.Join(folder, "cmdline"))
		name, _, _ := strings.Cut(string(cmdline), "\x00")
		if strings.Contains(string(groups), "/"+filepath.Base(c.RunDir())) && filepath.Base(name) == program {
			if pid, err := strconv.Atoi(filepath.Base(folder)); err == nil {
				found = append(found, pid)
			}
		}
	}
	return found
}

// kill ends a program of the cluster and waits until another one of its kind runs.
func kill(t *testing.T, c *local.Cloud, program string) {
	t.Helper()
	before := processes(t, c, program)
	if len(before) != 1 {
		t.Fatalf("%d processes %s, want one", len(before), program)
	}
	if err := syscall.Kill(before[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(30 * time.Second)
	for now := processes(t, c, program); len(now) != 1 || now[0] == before[0]; now = processes(t, c, program) {
		if time.Now().After(deadline) {
			t.Fatalf("%s wasn't started again", program)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// end cuts the power of the machine that the kubelet is in: it kills its init.
func end(t *testing.T, c *local.Cloud) {
	t.Helper()
	kubelets := processes(t, c, "kubelet")
	if len(kubelets) != 1 {
		t.Fatalf("%d kubelets, want one", len(kubelets))
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", kubelets[0]))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	parent, err := strconv.Atoi(strings.Fields(rest)[1])
	if err != nil || parent <= 1 {
		t.Fatalf("the kubelet's parent is %d: %v", parent, err)
	}
	if err := syscall.Kill(parent, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

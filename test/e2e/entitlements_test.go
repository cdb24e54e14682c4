//go:build e2e

package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"

	"github.com/lanyard-project/lanyard/internal/cli/kubectl"
	"github.com/lanyard-project/lanyard/test/e2e/rig"
)

// TestEntitlementsByMic installs the chart as it comes on two nodes that are made with the startup taint: agents may read nothing by
// themselves, and mic tells them. Pods that get tokens all the time don't notice that a mic is killed, nor that agents are while the
// API server doesn't answer. Then the same in managed mode.
func TestEntitlementsByMic(t *testing.T) {
	cloud := rig.Start(t)
	cloud.Group(t, "rg")
	body := rig.NewCluster()
	body.Properties.AgentPoolProfiles[0].Count = to.Ptr[int32](2)
	body.Properties.AgentPoolProfiles[0].NodeTaints = []*string{to.Ptr(startupTaint + "=true:NoSchedule")}
	cluster := cloud.Create(t, "rg", "c", body)
	kube := cloud.Kubectl(t, "rg", "c")
	nodeGroup := *cluster.Properties.NodeResourceGroup
	az := lanyard{t, cloud.Lanyard(t), filepath.Join(cloud.Build, "bin", "lanyard")}
	az.grantPodIdentity(*cluster.Properties.IdentityProfile["kubeletidentity"].ClientID, nodeGroup, "rg")
	web := az.identity("rg", "web")
	must(t, kube, "create", "namespace", "my-app")
	helm := func(verb, set string) {
		t.Helper()
		args := append([]string{verb, "lanyard", cloud.Chart(), "--kubeconfig", kube.Kubeconfig, "--namespace", "kube-system", "--set", set}, cloud.ChartSettings()...)
		if out, err := exec.CommandContext(t.Context(), filepath.Join(cloud.Build, "tools", "helm"), args...).CombinedOutput(); err != nil {
			t.Fatalf("helm: %v\n%s", err, out)
		}
		rollout(t, kube, "kube-system", "deployment/lanyard-mic", "daemonset/lanyard-nmi")
	}
	helm("install", "nmi.startupTaint="+startupTaint)
	bindIn(t, kube, "my-app", "web", az.identityID("rg", "web"), web)
	waitFor(t, kube, time.Minute, "nodes without the taint", func(out string) bool { return !strings.Contains(out, startupTaint) },
		"get", "nodes", "-o", "jsonpath={.items[*].spec.taints[*].key}")
	wantNoReading(t, kube)
	for _, pod := range []string{"web-1", "web-2"} {
		loadPod(t, kube, pod, "web", web)
		waitFor(t, kube, 2*time.Minute, "a token", func(out string) bool { return loadOf(out).sdkGot > 0 }, "logs", pod, "-n", "my-app")
	}

	t.Run("a mic is killed", func(t *testing.T) {
		holder := output(t, kube, "get", "lease", "aad-pod-identity-mic", "-n", "kube-system", "-o", "jsonpath={.spec.holderIdentity}")
		must(t, kube, "delete", "pod", strings.Split(holder, "_")[0], "-n", "kube-system", "--grace-period=0", "--force")
		loadPod(t, kube, "web-3", "web", web)
		waitFor(t, kube, 2*time.Minute, "a token of a pod that came afterwards", func(out string) bool { return loadOf(out).sdkGot > 0 }, "logs", "web-3", "-n", "my-app")
	})
	t.Run("agents are killed while the API server doesn't answer", func(t *testing.T) {
		servers, running := processes(t, cloud.Cloud, "kube-apiserver"), agents(t, cloud)
		if len(servers) != 1 || len(running) != 2 {
			t.Fatalf("%d API servers, %d agents", len(servers), len(running))
		}
		signal(t, servers[0], syscall.SIGSTOP)
		defer signal(t, servers[0], syscall.SIGCONT)
		for _, agent := range running {
			signal(t, agent, syscall.SIGKILL)
		}
		before := podLoad(t, cloud, "web-1")
		deadline := time.Now().Add(90 * time.Second)
		for len(agents(t, cloud)) < 2 || podLoad(t, cloud, "web-1").sdkGot < before.sdkGot+10 {
			if time.Now().After(deadline) {
				t.Fatalf("there are %d agents; tokens before %+v, now %+v", len(agents(t, cloud)), before, podLoad(t, cloud, "web-1"))
			}
			time.Sleep(200 * time.Millisecond)
		}
	})
	t.Run("a right that is taken away is gone", func(t *testing.T) {
		pods, loads := []string{"web-1", "web-2", "web-3"}, map[string]load{}
		for _, pod := range pods {
			loads[pod] = loadOf(output(t, kube, "logs", pod, "-n", "my-app", "--tail=1"))
		}
		must(t, kube, "delete", "azureidentitybinding", "--all", "-n", "my-app")
		for _, pod := range pods {
			now := loads[pod]
			t.Logf("%s: %d tokens by the SDK, %d failed, slowest %s; %d by plain requests, longest outage %s", pod, now.sdkGot, now.sdkFailed, now.sdkSlowest, now.plainGot, now.plainOutage)
			waitFor(t, kube, time.Minute, "a refusal", func(out string) bool { return loadOf(out).plainFailed > now.plainFailed+5 }, "logs", pod, "-n", "my-app", "--tail=1")
			if now.sdkFailed != 0 {
				t.Errorf("%s: %d times the SDK failed before its right was gone: %s", pod, now.sdkFailed, now.sdkLast)
			}
		}
		must(t, kube, "delete", "pods", "--all", "-n", "my-app", "--now")
		az.awaitNodes(nodeGroup, map[string]bool{"web": false})
	})

	helm("upgrade", "operationMode=managed,nmi.entitlements=broker,nmi.startupTaint="+startupTaint)
	t.Run("managed mode", func(t *testing.T) {
		wantNoReading(t, kube)
		set := az.must("vmss", "list", "-g", nodeGroup, "--query", "[0].name", "-o", "tsv")
		az.must("vmss", "identity", "assign", "-g", nodeGroup, "-n", set, "--identities", az.identityID("rg", "web"))
		bind(t, kube, "my-app", "again", "web", "web")
		asker{kube: kube, name: "managed", label: "web", args: []string{"--raw", "--clientid=" + web}}.want(t, "HTTP 200 client_id="+web)
		// a namespace that no node has had a pod of
		must(t, kube, "create", "namespace", "second")
		bindIn(t, kube, "second", "guest", az.identityID("rg", "web"), web)
		asker{kube: kube, name: "first", namespace: "second", label: "guest", args: []string{"--raw"}}.want(t, "HTTP 200 client_id="+web)
		asker{kube: kube, name: "stranger", namespace: "second", label: "web", args: []string{"--raw"}}.want(t, "HTTP 400")
	})
	cloud.Delete(t, "rg", "c")
}

// wantNoReading asks the API server what the agents' account may read.
func wantNoReading(t *testing.T, kube *kubectl.Kubectl) {
	t.Helper()
	for _, what := range []string{"pods", "azureassignedidentities", "azureidentities", "azureidentitybindings", "azurepodidentityexceptions", "secrets"} {
		for _, verb := range []string{"list", "get", "watch"} {
			// kubectl says no by its status too
			out, _ := kube.Run(t.Context(), "", "auth", "can-i", verb, what, "-A", "--as=system:serviceaccount:kube-system:lanyard-nmi", "--as-group=system:serviceaccounts", "--as-group=system:authenticated")
			if strings.TrimSpace(out) != "no" {
				t.Errorf("may the agent %s %s? %q", verb, what, out)
			}
		}
	}
}

// agents are the processes that answer pods; the same program probes and takes the taint away.
func agents(t *testing.T, cloud *rig.Cloud) []int {
	t.Helper()
	return slices.DeleteFunc(processes(t, cloud.Cloud, "nmi"), func(process int) bool {
		arguments, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(process), "cmdline"))
		return !strings.Contains(string(arguments), "--entitlements=broker") || strings.Contains(string(arguments), "\x00rules\x00")
	})
}

func signal(t *testing.T, process int, what syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(process, what); err != nil {
		t.Fatal(err)
	}
}

// podLoad reads a pod's log where its node keeps it: the API server may be away.
func podLoad(t *testing.T, cloud *rig.Cloud, pod string) load {
	t.Helper()
	for _, kubelet := range processes(t, cloud.Cloud, "kubelet") {
		root := filepath.Join("/proc", strconv.Itoa(kubelet), "root", "var", "log", "pods")
		logs, err := filepath.Glob(filepath.Join(root, "my-app_"+pod+"_*", "load", "0.log"))
		if err != nil {
			t.Fatal(err)
		}
		for _, log := range logs {
			if content, err := os.ReadFile(log); err == nil {
				return loadOf(string(content))
			}
		}
	}
	t.Fatalf("no node has the log of pod %s", pod)
	return load{}
}

//go:build e2e

package e2e_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	aks "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/containerservice/armcontainerservice/v6"

	"github.com/lanyard-project/lanyard/internal/cli/kubectl"
	"github.com/lanyard-project/lanyard/internal/cli/local"
	"github.com/lanyard-project/lanyard/test/e2e/rig"
)

const startupTaint = "lanyard.dev/nmi-not-ready"

// TestPodsOnABridge installs nmi on a kubenet cluster, whose nodes are made with the startup taint: the taint goes by itself, a
// pod that keeps NET_RAW is refused (seed 003's mitigation, by the chart's own policy), and one that doesn't is known by name.
func TestPodsOnABridge(t *testing.T) {
	cloud := rig.Start(t)
	cloud.Group(t, "bridge")
	body := rig.NewCluster()
	body.Properties.NetworkProfile = &aks.NetworkProfile{NetworkPlugin: to.Ptr(aks.NetworkPluginKubenet)}
	body.Properties.AgentPoolProfiles[0].NodeTaints = []*string{to.Ptr(startupTaint + "=true:NoSchedule")}
	cloud.Create(t, "bridge", "kubenet", body)
	kube := cloud.Kubectl(t, "bridge", "kubenet")
	taints := []string{"get", "nodes", "-o", "jsonpath={.items[*].spec.taints[*].key}"}
	if got := output(t, kube, taints...); !strings.Contains(got, startupTaint) {
		t.Errorf("a new node has the taints %q", got)
	}
	installAgent(t, cloud, kube, "nmi.podNetwork=bridge,nmi.startupTaint="+startupTaint)
	if _, err := kube.WaitFor(t.Context(), time.Minute, "a node without the taint", func(out string) bool { return !strings.Contains(out, startupTaint) }, taints...); err != nil {
		t.Error(err)
	}
	if err := kube.Apply(t.Context(), asking("raw", false, "")); err == nil || !strings.Contains(err.Error(), "have to drop NET_RAW") {
		t.Errorf("a pod that keeps NET_RAW: %v", err)
	}
	wantKnownByName(t, kube, "poor", false, `, securityContext: {capabilities: {drop: [NET_RAW]}}`)
	wantKnownByName(t, kube, "host", true, `, securityContext: {capabilities: {drop: [ALL]}}`)
	cloud.Delete(t, "bridge", "kubenet")
}

// TestHooksOnARealNode proves containerd's pods by where they connect.
func TestHooksOnARealNode(t *testing.T) {
	cloud := rig.Start(t)
	cloud.Group(t, "hooks")
	cloud.Create(t, "hooks", "azure", rig.NewCluster())
	kube := cloud.Kubectl(t, "hooks", "azure")
	installAgent(t, cloud, kube, "nmi.attestation=ebpf")
	wantKnownByName(t, kube, "own", false, "")
	wantKnownByName(t, kube, "host", true, "")
	log := output(t, kube, "logs", "-n", "kube-system", "daemonset/lanyard-nmi", "-c", "rules")
	if !strings.Contains(log, "hooks installed") {
		t.Errorf("the rules' log:\n%s", log)
	}
	cloud.Delete(t, "hooks", "azure")
}

// installAgent makes the namespace my-app, installs the chart in managed mode (nmi alone, and mic if it is the broker) and waits
// until nmi's self-test has passed.
func installAgent(t *testing.T, cloud *rig.Cloud, kube *kubectl.Kubectl, set string) {
	t.Helper()
	if _, err := kube.Run(t.Context(), "", "create", "namespace", "my-app"); err != nil {
		t.Fatal(err)
	}
	args := []string{
		"install", "lanyard", cloud.Chart(), "--kubeconfig", kube.Kubeconfig, "--namespace", "kube-system",
		"--set", "operationMode=managed,mic.replicas=1", "--set", set,
	}
	args = append(args, cloud.ChartSettings()...)
	if out, err := exec.CommandContext(t.Context(), filepath.Join(cloud.Build, "tools", "helm"), args...).CombinedOutput(); err != nil {
		t.Fatalf("helm: %v\n%s", err, out)
	}
	if _, err := kube.Run(t.Context(), "", "rollout", "status", "daemonset/lanyard-nmi", "-n", "kube-system", "--timeout=60s"); err != nil {
		all, _ := kube.Run(t.Context(), "", "get", "pods", "-A", "-o", "wide")
		logs, _ := kube.Run(t.Context(), "", "logs", "daemonset/lanyard-nmi", "-n", "kube-system", "--all-containers", "--tail=20")
		t.Fatalf("%v\n%s\n%s", err, all, logs)
	}
}

func asking(name string, hostNetwork bool, container string) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Pod
metadata: {name: %s, namespace: my-app}
spec:
  restartPolicy: Never
  hostNetwork: %t
  containers:
  - {name: ask, image: %q, args: ["--raw"]%s}
`, name, hostNetwork, local.DemoImage, container)
}

// wantKnownByName lets a pod ask that may have nothing: the refusal has the pod's own name in it.
func wantKnownByName(t *testing.T, kube *kubectl.Kubectl, name string, hostNetwork bool, container string) {
	t.Helper()
	if _, err := kube.WaitFor(t.Context(), time.Minute, "the namespace's account", func(string) bool { return true }, "get", "serviceaccount", "default", "-n", "my-app"); err != nil {
		t.Fatal(err)
	}
	if err := kube.Apply(t.Context(), asking(name, hostNetwork, container)); err != nil {
		t.Fatal(err)
	}
	ended := func(out string) bool { return out == "Succeeded" || out == "Failed" }
	if _, err := kube.WaitFor(t.Context(), time.Minute, "the end of pod "+name, ended, "get", "pod", name, "-n", "my-app", "-o", "jsonpath={.status.phase}"); err != nil {
		t.Fatal(err)
	}
	if got := output(t, kube, "logs", name, "-n", "my-app"); !strings.Contains(got, "HTTP 400") || !strings.Contains(got, "pod my-app/"+name+" ") {
		t.Errorf("%s was answered: %s", name, got)
	}
}

//go:build e2e

package e2e_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	aks "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/containerservice/armcontainerservice/v6"

	"github.com/lanyard-project/lanyard/internal/clusters/images"
	"github.com/lanyard-project/lanyard/test/e2e/rig"
)

// preventNetRaw is seed 003's constraint, as printed.
const preventNetRaw = `apiVersion: constraints.gatekeeper.sh/v1beta1
kind: K8sPSPCapabilities
metadata:
  name: prevent-net-raw
spec:
  match:
    kinds:
      - apiGroups: [""]
        kinds: ["Pod"]
    excludedNamespaces:
      - "kube-system"
  parameters:
    requiredDropCapabilities: ["NET_RAW"]
`

// TestGatekeeperKeepsNetRawOut is seed 003's mitigation on a kubenet cluster: the real Gatekeeper, its manifest of that release, and
// the page's constraint, in the place of the chart's own policy. The API server calls it in its pod.
func TestGatekeeperKeepsNetRawOut(t *testing.T) {
	module := rig.Module(t, "tools/gatekeeper", "github.com/open-policy-agent/gatekeeper/v3")
	const manager = "/manager"
	archive := filepath.Join(t.TempDir(), "gatekeeper.tar")
	if _, err := images.PackFile(archive, images.Image{
		Ref: "docker.io/openpolicyagent/gatekeeper:" + module.Version, Entrypoint: []string{manager}, User: "65532:65532",
		Files: []images.File{{Path: manager, Mode: 0o755, Source: rig.Built(t, "gatekeeper")}},
	}); err != nil {
		t.Fatal(err)
	}
	cloud := rig.Start(t, "--node-image="+archive)
	cloud.Group(t, "bridge")
	body := rig.NewCluster()
	body.Properties.NetworkProfile = &aks.NetworkProfile{NetworkPlugin: to.Ptr(aks.NetworkPluginKubenet)}
	cloud.Create(t, "bridge", "kubenet", body)
	kube := cloud.Kubectl(t, "bridge", "kubenet")

	manifest, err := os.ReadFile(filepath.Join(module.Dir, "deploy", "gatekeeper.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	// one node, which has the image and no registry to ask
	small := strings.NewReplacer("imagePullPolicy: Always", "imagePullPolicy: IfNotPresent", "replicas: 3", "replicas: 1", "memory: 512Mi", "memory: 256Mi")
	if _, err := kube.Run(t.Context(), small.Replace(string(manifest)), "apply", "--server-side", "-f", "-"); err != nil {
		t.Fatal(err)
	}
	for _, deployment := range []string{"gatekeeper-controller-manager", "gatekeeper-audit"} {
		if _, err := kube.Run(t.Context(), "", "rollout", "status", "deployment/"+deployment, "-n", "gatekeeper-system", "--timeout=120s"); err != nil {
			logs, _ := kube.Run(t.Context(), "", "logs", "deployment/"+deployment, "-n", "gatekeeper-system", "--tail=20")
			t.Fatalf("%v\n%s", err, logs)
		}
	}
	template, err := os.ReadFile("testdata/capabilities-template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := kube.Apply(t.Context(), string(template)); err != nil {
		t.Fatal(err)
	}
	established := func(out string) bool { return strings.Contains(out, "True") }
	if _, err := kube.WaitFor(t.Context(), time.Minute, "the constraint's kind", established, "get", "crd", "k8spspcapabilities.constraints.gatekeeper.sh",
		"--ignore-not-found", "-o", `jsonpath={.status.conditions[?(@.type=="Established")].status}`); err != nil {
		t.Fatal(err)
	}
	if err := kube.Apply(t.Context(), preventNetRaw); err != nil {
		t.Fatal(err)
	}
	installAgent(t, cloud, kube, "nmi.podNetwork=bridge,requireDropNetRaw.enabled=false") // in kube-system, which the constraint leaves out

	var last error
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(time.Second) {
		// until Gatekeeper has taken the constraint up, pods pass
		if last = kube.Apply(t.Context(), asking("raw", false, "")); last != nil {
			break
		}
		if _, err := kube.Run(t.Context(), "", "delete", "pod", "raw", "-n", "my-app", "--wait", "--grace-period=0", "--force"); err != nil {
			t.Fatal(err)
		}
	}
	if last == nil || !strings.Contains(last.Error(), `validation.gatekeeper.sh`) || !strings.Contains(last.Error(), "[prevent-net-raw]") {
		t.Errorf("a pod that keeps NET_RAW: %v", last)
	}
	if err := kube.Apply(t.Context(), asking("adds", false, `, securityContext: {capabilities: {drop: [ALL], add: [NET_RAW]}}`)); err == nil || !strings.Contains(err.Error(), "[prevent-net-raw]") {
		t.Errorf("a pod that takes NET_RAW back: %v", err)
	}
	wantKnownByName(t, kube, "poor", false, `, securityContext: {capabilities: {drop: [NET_RAW]}}`)
	cloud.Delete(t, "bridge", "kubenet")
}

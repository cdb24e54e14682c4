//go:build e2e

package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	aks "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/containerservice/armcontainerservice/v6"

	"github.com/lanyard-project/lanyard/internal/cli/kubectl"
	"github.com/lanyard-project/lanyard/internal/cli/local"
	"github.com/lanyard-project/lanyard/internal/clusters/images"
	"github.com/lanyard-project/lanyard/test/e2e/rig"
)

const attackerImage = "localhost/lanyard/attacker:1"

// TestRealPodCantForgeItsNeighbour_CVE_2021_1677 has containerd's pods on a kubenet cluster attack each other, by the bridge and the
// plugins of the real node. First without nmi, to see that the attack works; the metadata service then takes it for the node.
func TestRealPodCantForgeItsNeighbour_CVE_2021_1677(t *testing.T) {
	folder := t.TempDir()
	program, archive := filepath.Join(folder, "attacker"), filepath.Join(folder, "attacker.tar")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", program, "./attacker")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-buildvcs=false")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the attacker: %v\n%s", err, out)
	}
	if _, err := images.PackFile(archive, images.Program(attackerImage, program)); err != nil {
		t.Fatal(err)
	}
	cloud := rig.Start(t, "--node-image="+archive)
	cloud.Group(t, "bridge")
	body := rig.NewCluster()
	body.Properties.NetworkProfile = &aks.NetworkProfile{NetworkPlugin: to.Ptr(aks.NetworkPluginKubenet)}
	cloud.Create(t, "bridge", "kubenet", body)
	kube := cloud.Kubectl(t, "bridge", "kubenet")

	if _, err := kube.WaitFor(t.Context(), time.Minute, "the namespace's account", func(out string) bool { return strings.Contains(out, "default") },
		"get", "serviceaccount", "default", "-n", "default", "--ignore-not-found"); err != nil {
		t.Fatal(err)
	}
	if got := attack(t, kube, "default", "before"); !strings.Contains(got, "FORGED HTTP ") {
		t.Errorf("without nmi the attack doesn't work, so this proves nothing:\n%s", got)
	}
	installAgent(t, cloud, kube, "nmi.podNetwork=bridge,requireDropNetRaw.enabled=false")
	if _, err := kube.WaitFor(t.Context(), time.Minute, "the namespace's account", func(out string) bool { return strings.Contains(out, "default") },
		"get", "serviceaccount", "default", "-n", "my-app", "--ignore-not-found"); err != nil {
		t.Fatal(err)
	}
	got := attack(t, kube, "my-app", "after")
	if !strings.Contains(got, "OWN HTTP 400") || !strings.Contains(got, "pod my-app/after-attacker ") {
		t.Errorf("as itself the attacker is answered otherwise:\n%s", got)
	}
	if strings.Contains(got, "FORGED HTTP ") || strings.Contains(got, "after-victim") || !strings.Contains(got, "END") {
		t.Errorf("with nmi:\n%s", got)
	}
	cloud.Delete(t, "bridge", "kubenet")
}

// attack makes a victim and lets a neighbour attack it; it gives what that one printed.
func attack(t *testing.T, kube *kubectl.Kubectl, namespace, name string) string {
	t.Helper()
	victim, attacker := name+"-victim", name+"-attacker"
	if err := kube.Apply(t.Context(), fmt.Sprintf(`apiVersion: v1
kind: Pod
metadata: {name: %s, namespace: %s}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - {name: wait, image: %q}
`, victim, namespace, local.PauseImage)); err != nil {
		t.Fatal(err)
	}
	address, err := kube.WaitFor(t.Context(), time.Minute, "the victim's address", func(out string) bool { return out != "" },
		"get", "pod", victim, "-n", namespace, "-o", "jsonpath={.status.podIP}")
	if err != nil {
		t.Fatal(err)
	}
	if err := kube.Apply(t.Context(), fmt.Sprintf(`apiVersion: v1
kind: Pod
metadata: {name: %s, namespace: %s}
spec:
  restartPolicy: Never
  containers:
  - {name: attack, image: %q, args: [%q], securityContext: {capabilities: {add: [NET_ADMIN, NET_RAW]}}}
`, attacker, namespace, attackerImage, address)); err != nil {
		t.Fatal(err)
	}
	ended := func(out string) bool { return out == "Succeeded" || out == "Failed" }
	if _, err := kube.WaitFor(t.Context(), time.Minute, "the end of the attack", ended,
		"get", "pod", attacker, "-n", namespace, "-o", "jsonpath={.status.phase}"); err != nil {
		t.Fatal(err)
	}
	return output(t, kube, "logs", attacker, "-n", namespace)
}

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

	"github.com/lanyard-project/lanyard/internal/clusters/images"
	"github.com/lanyard-project/lanyard/test/e2e/rig"
)

const probeImage = "registry.example/probe:1"

// packProbe makes an image of the probe that the cluster engine's own tests use.
func packProbe(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "probe")
	build := exec.Command("go", "build", "-trimpath", "-o", program, "../../internal/clusters/testdata/probe")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the probe: %v\n%s", err, out)
	}
	archive := filepath.Join(t.TempDir(), "probe.tar")
	if _, err := images.PackFile(archive, images.Program(probeImage, program)); err != nil {
		t.Fatal(err)
	}
	return archive
}

// TestPodsFindEachOther has a server on one node and a caller on another, with each kind of network: by its address, by
// its service and by its name.
func TestPodsFindEachOther(t *testing.T) {
	cloud := rig.Start(t, "--node-image="+packProbe(t))
	cloud.Group(t, "rg")
	for name, network := range map[string]*aks.NetworkProfile{
		"flat":    {NetworkPlugin: to.Ptr(aks.NetworkPluginAzure)},
		"overlay": {NetworkPlugin: to.Ptr(aks.NetworkPluginAzure), NetworkPluginMode: to.Ptr(aks.NetworkPluginModeOverlay)},
		"bridge":  {NetworkPlugin: to.Ptr(aks.NetworkPluginKubenet)},
	} {
		t.Run(name, func(t *testing.T) {
			body := rig.NewCluster()
			body.Properties.NetworkProfile = network
			body.Properties.AgentPoolProfiles[0].Count = to.Ptr[int32](2)
			cloud.Create(t, "rg", name, body)
			defer cloud.Delete(t, "rg", name)
			kube := cloud.Kubectl(t, "rg", name)
			nodes := strings.Fields(output(t, kube, "get", "nodes", "-o", "jsonpath={.items[*].metadata.name}"))
			pod := func(name, node string, args ...string) string {
				return fmt.Sprintf("{apiVersion: v1, kind: Pod, metadata: {name: %s, labels: {app: %s}}, spec: {nodeName: %s, terminationGracePeriodSeconds: 0, containers: [{name: probe, image: %q, args: [%s]}]}}\n---\n",
					name, name, node, probeImage, strings.Join(args, ", "))
			}
			if err := kube.Apply(t.Context(), pod("server", nodes[0], "serve")+
				"{apiVersion: v1, kind: Service, metadata: {name: server}, spec: {selector: {app: server}, ports: [{port: 80, targetPort: 8080}]}}"); err != nil {
				t.Fatal(err)
			}
			address, err := kube.WaitFor(t.Context(), time.Minute, "the server's address", func(out string) bool { return out != "" }, "get", "pod", "server", "-o", "jsonpath={.status.podIP}")
			if err != nil {
				t.Fatal(err)
			}
			service := output(t, kube, "get", "service", "server", "-o", "jsonpath={.spec.clusterIP}")
			if _, err := kube.WaitFor(t.Context(), time.Minute, "the cluster's name server", func(out string) bool { return out == "1" },
				"get", "deployment", "coredns", "-n", "kube-system", "-o", "jsonpath={.status.readyReplicas}"); err != nil {
				t.Fatal(err)
			}
			urls := []string{"http://" + address + ":8080/", "http://" + service + "/", "http://server/", "http://server.default.svc.cluster.local/"}
			if err := kube.Apply(t.Context(), pod("caller", nodes[1], append([]string{"get"}, append(urls, `"!http://example.com/"`)...)...)); err != nil {
				t.Fatal(err)
			}
			log, err := kube.WaitFor(t.Context(), time.Minute, "the caller's end", func(out string) bool { return strings.HasSuffix(strings.TrimSpace(out), "done") }, "logs", "caller")
			if err != nil {
				t.Fatal(err)
			}
			caller := output(t, kube, "get", "pod", "caller", "-o", "jsonpath={.status.podIP}")
			for _, url := range urls {
				if want := url + " = 200 " + caller; !strings.Contains(log, want) {
					t.Errorf("want %s; log:\n%s", want, log)
				}
			}
			if !strings.Contains(log, "!http://example.com/ = unreachable") {
				t.Errorf("a name outside of the cluster: %s", log)
			}
		})
	}
}

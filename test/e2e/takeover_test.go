//go:build e2e

package e2e_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lanyard-project/lanyard/internal/cli/kubectl"
	"github.com/lanyard-project/lanyard/internal/cli/local"
	"github.com/lanyard-project/lanyard/test/e2e/rig"
)

// TestTakeover installs aad-pod-identity itself (its chart, its programs) on a cluster, lets pods use it, and changes over to
// ours by one helm upgrade with the same values, while the pods go on getting tokens: no SDK fails to. Then it goes back.
func TestTakeover(t *testing.T) {
	predecessor := rig.NewPredecessor(t)
	cloud := rig.Start(t, predecessor.Flags()...)
	predecessor.Pack(t, cloud)
	cloud.Group(t, "rg")
	cluster := cloud.Create(t, "rg", "old", rig.NewCluster())
	kube := cloud.Kubectl(t, "rg", "old")
	nodeGroup := *cluster.Properties.NodeResourceGroup
	kubelet := *cluster.Properties.IdentityProfile["kubeletidentity"].ClientID
	prepareNodes(t, cloud)
	az := lanyard{t, cloud.Lanyard(t), filepath.Join(cloud.Build, "bin", "lanyard")}
	az.grantPodIdentity(kubelet, nodeGroup, "rg")
	clients := map[string]string{}
	for _, name := range []string{"web", "jobs"} {
		clients[name] = az.identity("rg", name)
	}

	values := filepath.Join(t.TempDir(), "values.yaml")
	if err := os.WriteFile(values, []byte(predecessorValues(cloud, nodeGroup, kubelet)), 0o600); err != nil {
		t.Fatal(err)
	}
	helm := func(args ...string) string {
		t.Helper()
		command := exec.CommandContext(t.Context(), filepath.Join(cloud.Build, "tools", "helm"), append(args, "--kubeconfig", kube.Kubeconfig, "--namespace", "default")...)
		command.Env = append(os.Environ(), "SSL_CERT_FILE="+cloud.CAFile(), "HOME="+t.TempDir())
		out, err := command.CombinedOutput()
		if err != nil {
			pods, _ := kube.Run(t.Context(), "", "get", "pods,events", "-A")
			t.Fatalf("helm %s: %v: %s\n%s", args[0], err, out, pods)
		}
		return string(out)
	}
	helm("install", "aad-pod-identity", predecessor.Chart(), "--values", values)
	rollout(t, kube, "default", "deployment/aad-pod-identity-mic", "daemonset/aad-pod-identity-nmi")
	must(t, kube, "create", "namespace", "my-app")
	for name, client := range clients {
		bindIn(t, kube, "my-app", name, az.identityID("rg", name), client)
	}
	pods := map[string]string{"web-1": "web", "web-2": "web", "jobs-1": "jobs"}
	for pod, identity := range pods {
		loadPod(t, kube, pod, identity, clients[identity])
	}
	assigned := func(want int) func(string) bool {
		return func(out string) bool { return strings.Count(out, "Assigned") == want }
	}
	states := []string{"get", "azureassignedidentities", "-A", "-o", "jsonpath={range .items[*]}{.metadata.namespace}/{.metadata.name}={.status.status} {end}"}
	waitFor(t, kube, 2*time.Minute, "aad-pod-identity's assignments", assigned(3), states...)
	for pod := range pods {
		waitFor(t, kube, time.Minute, "a token by aad-pod-identity", func(out string) bool { return loadOf(out).plainGot > 0 && loadOf(out).sdkGot > 0 }, "logs", pod, "-n", "my-app")
	}
	uids := []string{"get", "azureassignedidentities", "-A", "-o", "jsonpath={.items[*].metadata.uid}"}
	before, loads := output(t, kube, uids...), map[string]load{}
	for pod := range pods {
		loads[pod] = loadOf(output(t, kube, "logs", pod, "-n", "my-app", "--tail=1"))
	}

	started := time.Now()
	said := helm(append([]string{
		"upgrade", "aad-pod-identity", cloud.Chart(), "--values", values,
		"--set", "image.repository=localhost/lanyard",
	}, cloud.ChartSettings()...)...)
	if !strings.Contains(said, "mic.tag: it is aad-pod-identity's version") {
		t.Errorf("Helm's notes:\n%s", said)
	}
	loadPod(t, kube, "late", "web", clients["web"]) // while nobody may be in charge
	rollout(t, kube, "kube-system", "deployment/lanyard-mic", "daemonset/lanyard-nmi")
	waitFor(t, kube, 2*time.Minute, "the assignment of a pod that came meanwhile", assigned(4), states...)
	waitFor(t, kube, time.Minute, "its token", func(out string) bool { return loadOf(out).sdkGot > 0 }, "logs", "late", "-n", "my-app")
	t.Logf("taken over after %.1f s", time.Since(started).Seconds())
	waitFor(t, kube, time.Minute, "aad-pod-identity's end", func(out string) bool { return !strings.Contains(out, "aad-pod-identity-") }, "get", "pods", "-n", "default", "-o", "name")
	time.Sleep(5 * time.Second) // of tokens by ours alone

	for pod := range pods {
		now, then := loadOf(output(t, kube, "logs", pod, "-n", "my-app", "--tail=1")), loads[pod]
		t.Logf("%s: %d tokens by the SDK, %d failed, slowest %s; %d by plain requests, %d refused, longest outage %s %s",
			pod, now.sdkGot-then.sdkGot, now.sdkFailed-then.sdkFailed, now.sdkSlowest, now.plainGot-then.plainGot, now.plainFailed-then.plainFailed, now.plainOutage, now.plainLast)
		if now.sdkFailed != 0 || now.sdkGot-then.sdkGot < 10 {
			t.Errorf("%s: the SDK failed to get a token: %+v, before %+v", pod, now, then)
		}
	}
	if after := output(t, kube, uids...); !strings.Contains(after, strings.Fields(before)[0]) {
		t.Errorf("assigned identities were made anew: %s, then %s", before, after)
	}

	// What aad-pod-identity left is looked after: finalizers go, and an identity leaves with its last pod.
	must(t, kube, "delete", "pod", "jobs-1", "-n", "my-app", "--now")
	waitFor(t, kube, time.Minute, "the release of jobs-1", assigned(3), states...)
	az.awaitNodes(nodeGroup, map[string]bool{"web": true, "jobs": false})
	if got := output(t, kube, "get", "azurepodidentityexceptions", "-A", "-o", "name"); !strings.Contains(got, "aks-addon-exception") {
		t.Errorf("exceptions: %s", got)
	}
	helm("test", "aad-pod-identity")

	goBack(t, kube, helm, filepath.Join(cloud.Chart(), "..", "..", "deploy"))
	staysWithPredecessor(t, kube, az, nodeGroup, clients["jobs"])
	cloud.Delete(t, "rg", "old")
}

// predecessorValues are what somebody has who installed aad-pod-identity in a cloud of their own: a folder of the node describes it.
func predecessorValues(cloud *rig.Cloud, nodeGroup, kubelet string) string {
	return fmt.Sprintf(`
adminsecret:
  cloud: AzureStackCloud
  subscriptionID: %s
  resourceGroup: %s
  vmType: vmss
  tenantID: %s
  clientID: msi
  clientSecret: msi
  useMSI: "true"
  userAssignedMSIClientID: %s
mic:
  tag: v1.8.17
  replicas: 1
  customCloud: {enabled: true, configPath: /etc/kubernetes/akscustom.json}
nmi:
  tag: v1.8.17
  probePort: "8085"
rbac: {allowAccessToSecrets: false}
`, cloud.Admin.SubscriptionID, nodeGroup, cloud.Admin.TenantID, kubelet)
}

// prepareNodes gives nodes what aad-pod-identity's agent takes for granted: kube-proxy's route_localnet, kubelet's defaults, and the
// description of a cloud that has no name.
func prepareNodes(t *testing.T, cloud *rig.Cloud) {
	t.Helper()
	const origin = "https://168.63.129.16"
	described, err := json.Marshal(map[string]string{
		"name": "AzureStackCloud", "resourceManagerEndpoint": origin + "/", "activeDirectoryEndpoint": origin + "/",
		"managementPortalURL": origin, "resourceIdentifiers.graph": origin,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, kubelet := range processes(t, cloud.Cloud, "kubelet") {
		root := filepath.Join("/proc", strconv.Itoa(kubelet), "root")
		if err := errors.Join(
			os.WriteFile(filepath.Join(root, "etc", "kubernetes", "akscustom.json"), described, 0o600),
			os.MkdirAll(filepath.Join(root, "etc", "default"), 0o755),
			os.WriteFile(filepath.Join(root, "etc", "default", "kubelet"), nil, 0o600),
		); err != nil {
			t.Fatal(err)
		}
		set := exec.CommandContext(t.Context(), "nsenter", "--target", strconv.Itoa(kubelet), "--net", "sh", "-c", "echo 1 >/proc/sys/net/ipv4/conf/all/route_localnet")
		if out, err := set.CombinedOutput(); err != nil {
			t.Fatalf("preparing a node: %v: %s", err, out)
		}
	}
}

func loadPod(t *testing.T, kube *kubectl.Kubectl, name, label, client string) {
	t.Helper()
	waitFor(t, kube, time.Minute, "the namespace's account", func(string) bool { return true }, "get", "serviceaccount", "default", "-n", "my-app")
	if err := kube.Apply(t.Context(), fmt.Sprintf(`apiVersion: v1
kind: Pod
metadata: {name: %s, namespace: my-app, labels: {aadpodidbinding: %s}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - {name: load, image: %q, args: ["--load=200ms", "--clientid=%s"]}
`, name, label, local.DemoImage, client)); err != nil {
		t.Fatal(err)
	}
}

// load is the last line of a pod that gets tokens again and again.
type load struct {
	sdkGot, sdkFailed, plainGot, plainFailed int
	sdkSlowest, plainOutage                  string
	sdkLast, plainLast                       string
}

var loadLine = regexp.MustCompile(`load sdk got=(\d+) failed=(\d+) slowest=(\S+) outage=\S+(.*) \| plain got=(\d+) failed=(\d+) slowest=\S+ outage=(\S+)(.*)`)

func loadOf(log string) (l load) {
	for line := range strings.Lines(log) {
		if m := loadLine.FindStringSubmatch(line); m != nil {
			for i, into := range map[int]*int{1: &l.sdkGot, 2: &l.sdkFailed, 5: &l.plainGot, 6: &l.plainFailed} {
				*into, _ = strconv.Atoi(m[i])
			}
			l.sdkSlowest, l.sdkLast, l.plainOutage, l.plainLast = m[3], m[4], m[7], m[8]
		}
	}
	return l
}

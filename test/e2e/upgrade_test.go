//go:build e2e

package e2e_test

import (
	"strings"
	"testing"
	"time"

	"github.com/lanyard-project/lanyard/test/e2e/rig"
)

// TestKubernetesUpgrade upgrades a cluster from the release of Kubernetes before to today's, with the real az: the control
// plane first, as az aks upgrade does too, then the nodes, whose pods move. Meanwhile, as seed 000 warns, the control
// plane's identity is unavailable for a while: the same identity is the kubelets' here, so a pod without anything of ours
// sees it.
func TestKubernetesUpgrade(t *testing.T) {
	before, after := rig.PreviousKube(t)
	cloud := rig.Start(t, "--other-kube-dir="+before.Folder)
	az := cloud.Az(t)
	az.Must(t, "group", "create", "-n", "rg", "-l", rig.Location)
	id := az.Must(t, "identity", "create", "-g", "rg", "-n", "both", "--query", "id", "-o", "tsv")
	az.Must(t, "aks", "create", "-g", "rg", "-n", "c", "--node-count", "1", "--kubernetes-version", before.Version,
		"--assign-identity", id, "--assign-kubelet-identity", id, "--generate-ssh-keys")
	k := cloud.Kubectl(t, "rg", "c")
	versions := func() string {
		return output(t, k, "get", "nodes", "-o", "jsonpath={.items[*].status.nodeInfo.kubeletVersion}")
	}
	if got := versions(); got != "v"+before.Version {
		t.Fatalf("the node runs %s", got)
	}
	if up := az.Must(t, "aks", "get-upgrades", "-g", "rg", "-n", "c", "--query", "controlPlaneProfile.upgrades[].kubernetesVersion", "-o", "tsv"); up != after.Version {
		t.Errorf("it can be upgraded to %q", up)
	}
	if err := k.Apply(t.Context(), tokensForever); err != nil {
		t.Fatal(err)
	}
	const gets, refused = "HTTP 200", "temporarily unavailable"
	log := func(holds func(string) bool, what string) {
		t.Helper()
		if _, err := k.WaitFor(t.Context(), time.Minute, what, holds, "logs", "deployment/asking"); err != nil {
			t.Fatal(err)
		}
	}
	log(func(out string) bool { return strings.Contains(out, gets) }, "the pod's first token")

	t.Run("the control plane", func(t *testing.T) {
		az.Must(t, "aks", "upgrade", "-g", "rg", "-n", "c", "--kubernetes-version", after.Version, "--control-plane-only", "--yes")
		if got := output(t, k, "version", "-o", "json"); !strings.Contains(got, `"gitVersion": "v`+after.Version+`"`) {
			t.Errorf("versions are %s", got)
		}
		if got := versions(); got != "v"+before.Version {
			t.Errorf("the node runs %s", got)
		}
		log(func(out string) bool {
			at := strings.Index(out, refused)
			return at > strings.Index(out, gets) && strings.LastIndex(out, gets) > at
		}, "a token, a refusal, and a token again")
	})
	t.Run("the nodes", func(t *testing.T) {
		// az 2.45 can't upgrade one pool to a version (it reads a field that its SDK doesn't have): all, which is the one.
		az.Must(t, "aks", "upgrade", "-g", "rg", "-n", "c", "--kubernetes-version", after.Version, "--yes")
		if got := versions(); got != "v"+after.Version {
			t.Errorf("the nodes run %s", got)
		}
		log(func(out string) bool { return strings.Contains(out, gets) }, "the moved pod's token")
	})
	t.Run("back, or past a version", func(t *testing.T) {
		if said := az.Refused(t, "aks", "upgrade", "-g", "rg", "-n", "c", "--kubernetes-version", before.Version, "--yes"); !strings.Contains(said, "not allowed") && !strings.Contains(said, "not supported") {
			t.Errorf("az says %s", said)
		}
	})
}

// TestUpgradeWithLanyard upgrades a cluster with lanyard, its nodes by their pool.
func TestUpgradeWithLanyard(t *testing.T) {
	before, after := rig.PreviousKube(t)
	cloud := rig.Start(t, "--registration-time=0s", "--other-kube-dir="+before.Folder)
	pages(t, cloud, "lanyard", append(cloud.Lanyard(t), "BEFORE="+before.Version, "AFTER="+after.Version), "testdata/upgrade/*.txt")
}

// tokensForever is a pod that asks for tokens again and again.
const tokensForever = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: asking}
spec:
  selector: {matchLabels: {app: asking}}
  template:
    metadata: {labels: {app: asking}}
    spec:
      containers:
      - {name: asking, image: "mcr.microsoft.com/oss/azure/aad-pod-identity/demo:v1.6.3", imagePullPolicy: IfNotPresent, args: [--raw, --forever]}
`

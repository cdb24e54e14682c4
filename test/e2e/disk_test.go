//go:build e2e

package e2e_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"

	"github.com/lanyard-project/lanyard/internal/cli/kubectl"
	"github.com/lanyard-project/lanyard/test/e2e/rig"
)

// disked is a pod that runs the probe with a claim's volume at /data.
func disked(name, node, claim string, args ...string) string {
	return fmt.Sprintf("{apiVersion: v1, kind: Pod, metadata: {name: %s}, spec: {nodeSelector: {kubernetes.io/hostname: %s}, terminationGracePeriodSeconds: 0, "+
		"containers: [{name: probe, image: %q, args: [%s], volumeMounts: [{name: data, mountPath: /data}]}], volumes: [{name: data, persistentVolumeClaim: {claimName: %s}}]}}\n---\n",
		name, node, probeImage, strings.Join(args, ", "), claim)
}

func claimOf(name, class string) string {
	return fmt.Sprintf("{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: %s}, spec: {accessModes: [ReadWriteOnce], storageClassName: %s, resources: {requests: {storage: 1Gi}}}}\n---\n", name, class)
}

// says waits until a pod's log has the word.
func says(t *testing.T, kube *kubectl.Kubectl, pod, word string) {
	t.Helper()
	if _, err := kube.WaitFor(t.Context(), healLimit, word+" of pod "+pod, func(out string) bool { return strings.Contains(out, word) }, "logs", pod); err != nil {
		events, _ := kube.Run(t.Context(), "", "get", "events", "-o", "custom-columns=O:.involvedObject.name,R:.reason,M:.message")
		t.Fatalf("%v\n%s", err, events)
	}
}

// happens waits for an event of an object with all the words.
func happens(t *testing.T, kube *kubectl.Kubectl, object, reason string, words ...string) {
	t.Helper()
	if _, err := kube.WaitFor(t.Context(), healLimit, reason+" of "+object, func(out string) bool {
		for _, word := range words {
			if !strings.Contains(out, word) {
				return false
			}
		}
		return true
	}, "get", "events", "--field-selector", "involvedObject.name="+object+",reason="+reason, "-o", "jsonpath={.items[*].message}"); err != nil {
		t.Fatal(err)
	}
}

// gone waits until a resource group has no disk.
func gone(t *testing.T, cloud *rig.Cloud, group string) {
	t.Helper()
	for end := time.Now().Add(healLimit); cloud.Kinds(t, group)["Microsoft.Compute/disks"] != 0; time.Sleep(200 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the disk outlives its claim")
		}
	}
}

// TestDisks has claims of managed-csi, whose disks are made, attached and deleted by the cluster's own identity.
func TestDisks(t *testing.T) {
	cloud := rig.Start(t, "--node-image="+packProbe(t))
	cloud.Group(t, "rg")
	cloud.Group(t, "disks")
	body := rig.NewCluster()
	body.Properties.AgentPoolProfiles[0].Count = to.Ptr[int32](2)
	principal := *cloud.Create(t, "rg", "c", body).Identity.PrincipalID
	kube := cloud.Kubectl(t, "rg", "c")
	nodes := strings.Fields(output(t, kube, "get", "nodes", "-o", "jsonpath={.items[*].metadata.name}"))
	nodeGroup := "MC_rg_c_" + rig.Location
	apply := func(t *testing.T, manifest string) {
		t.Helper()
		if err := kube.Apply(t.Context(), manifest); err != nil {
			t.Fatal(err)
		}
	}

	t.Run("what a pod writes is there on another node, and gone with the claim", func(t *testing.T) {
		apply(t, claimOf("data", "managed-csi")+disked("writer", nodes[0], "data", "write", "/data/word", "lanyard"))
		says(t, kube, "writer", "<nil>")
		if disks := cloud.Kinds(t, nodeGroup)["Microsoft.Compute/disks"]; disks != 1 {
			t.Errorf("%d disks in the node resource group, want 1", disks)
		}
		output(t, kube, "delete", "pod", "writer")
		apply(t, disked("reader", nodes[1], "data", "cat", "/data/word"))
		says(t, kube, "reader", "lanyard <nil>")
		output(t, kube, "delete", "pod", "reader")
		output(t, kube, "delete", "pvc", "data")
		gone(t, cloud, nodeGroup)
	})
	t.Run("a disk in another resource group needs the right there", func(t *testing.T) {
		apply(t, "{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: elsewhere}, provisioner: disk.csi.azure.com, volumeBindingMode: Immediate, parameters: {resourceGroup: disks}}\n---\n"+
			claimOf("elsewhere", "elsewhere"))
		happens(t, kube, "elsewhere", "ProvisioningFailed", "AuthorizationFailed", "Microsoft.Compute/disks/write", "resourceGroups/disks")
		revoke := cloud.Grant(t, principal, rig.Contributor, cloud.Scope("disks"))
		if _, err := kube.WaitFor(t.Context(), healLimit, "the claim's volume", func(out string) bool { return out == "Bound" }, "get", "pvc", "elsewhere", "-o", "jsonpath={.status.phase}"); err != nil {
			t.Fatal(err)
		}
		// Taken away, the disk can't be attached.
		revoke()
		apply(t, disked("late", nodes[0], "elsewhere", "write", "/data/word", "late"))
		happens(t, kube, "late", "FailedAttachVolume", "LinkedAuthorizationFailed", "Microsoft.Compute/disks/write")
		revoke = cloud.Grant(t, principal, rig.Contributor, cloud.Scope("disks"))
		says(t, kube, "late", "<nil>")
		// The machine is in the node resource group, and wants a right of its own.
		apply(t, claimOf("second", "elsewhere"))
		if _, err := kube.WaitFor(t.Context(), healLimit, "the second claim's volume", func(out string) bool { return out == "Bound" }, "get", "pvc", "second", "-o", "jsonpath={.status.phase}"); err != nil {
			t.Fatal(err)
		}
		restore := cloud.Strip(t, principal, cloud.Scope(nodeGroup))
		apply(t, disked("unattached", nodes[1], "second", "write", "/data/word", "second"))
		happens(t, kube, "unattached", "FailedAttachVolume", "AuthorizationFailed", "Microsoft.Compute/virtualMachineScaleSets/virtualMachines/read")
		reader := cloud.Grant(t, principal, rig.Reader, cloud.Scope(nodeGroup))
		happens(t, kube, "unattached", "FailedAttachVolume", "AuthorizationFailed", "Microsoft.Compute/virtualMachineScaleSets/virtualMachines/write")
		reader()
		restore()
		says(t, kube, "unattached", "<nil>")
		output(t, kube, "delete", "pod", "unattached")
		output(t, kube, "delete", "pvc", "second")
		// Nor can the first be deleted without the right on it; detaching it takes no right on it.
		volume := strings.TrimSpace(output(t, kube, "get", "pvc", "elsewhere", "-o", "jsonpath={.spec.volumeName}"))
		revoke()
		output(t, kube, "delete", "pod", "late")
		output(t, kube, "delete", "pvc", "elsewhere")
		happens(t, kube, volume, "VolumeFailedDelete", "AuthorizationFailed", "Microsoft.Compute/disks/delete")
		cloud.Grant(t, principal, rig.Contributor, cloud.Scope("disks"))
		gone(t, cloud, "disks")
	})
}

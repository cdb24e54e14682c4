package containerservice_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/clusters"
)

// TestStopAndStart: while a cluster is stopped it can be started and deleted, and tagged.
func TestStopAndStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	defer p.stop()
	p.works("demo", simple)
	act := func(name string) error {
		_, err := p.post(clusterID("demo"), name, `{}`)
		p.settle(clusterID("demo"))
		return err
	}
	if err := act("start"); !rest.HasCode(err, "OperationNotAllowed") || !strings.Contains(err.Error(), "Power State(Running), starting cannot be performed") {
		t.Errorf("starting what runs: %v", err)
	}
	if err := act("stop"); err != nil {
		t.Fatal(err)
	}
	c := p.get(clusterID("demo"))
	if c.ProvisioningState != resource.Succeeded || strings.Count(string(c.Properties), `"powerState":{"code":"Stopped"}`) != 2 || count(w.calls, "StopCluster") != 1 {
		t.Errorf("stopped: %s %s", c.ProvisioningState, c.Properties)
	}
	if err := act("stop"); !strings.Contains(err.Error(), "managed cluster is in Provisioning State(Succeeded) and Power State(Stopped), stopping cannot be performed") {
		t.Errorf("stopping twice: %v", err)
	}
	for _, name := range []string{"rotateClusterCertificates", "rotateServiceAccountSigningKeys"} {
		if err := act(name); !rest.HasCode(err, "OperationNotAllowed") {
			t.Errorf("%s of a stopped cluster: %v", name, err)
		}
	}
	if _, _, err := p.put(clusterID("demo"), simple); !rest.HasCode(err, "OperationNotAllowed") {
		t.Errorf("updating a stopped cluster: %v", err)
	}
	if err := act("start"); err != nil {
		t.Fatal(err)
	}
	if c := p.works("demo", simple); strings.Count(string(c.Properties), `"powerState":{"code":"Running"}`) != 2 {
		t.Errorf("started: %s", c.Properties)
	}
	if err := act("stop"); err != nil {
		t.Fatal(err)
	}
	p.delete(clusterID("demo"))
	p.settle(clusterID("demo"))
	if p.get(clusterID("demo")) != nil || len(w.planes) != 0 {
		t.Error("a stopped cluster can't be deleted")
	}
}

func TestRotations(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	defer p.stop()
	p.works("demo", simple)
	for name, call := range map[string]string{"rotateClusterCertificates": "RotateCertificates", "rotateServiceAccountSigningKeys": "RotateTokenKeys"} {
		w.calls = nil
		if _, err := p.post(clusterID("demo"), name, `{}`); err != nil {
			t.Fatal(err)
		}
		p.settle(clusterID("demo"))
		if c := p.get(clusterID("demo")); c.ProvisioningState != resource.Succeeded || count(w.calls, call) != 1 || count(w.calls, "EnsureControlPlane") != 1 {
			t.Errorf("%s: %s, calls %v", name, c.ProvisioningState, w.calls)
		}
	}
	var answer *rest.Error
	if _, err := p.post(clusterID("demo"), "runCommand", `{"command":"kubectl get pods"}`); !errors.As(err, &answer) || answer.Code != "RunCommandNotSupported" {
		t.Errorf("runCommand: %v", err)
	}
}

// TestCertificatesAreRenewedUnderTheOperationsFence: an operation like any other, which nothing else runs beside.
func TestCertificatesAreRenewedUnderTheOperationsFence(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	defer p.stop()
	p.works("demo", simple)
	w.calls = nil
	if err := p.provider.Renew(t.Context()); err != nil || p.get(clusterID("demo")).Busy() {
		t.Fatalf("nothing is due: %v", err)
	}
	w.due = true
	if err := p.provider.Renew(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c := p.get(clusterID("demo")); c.Busy() && c.ProvisioningState != "ReconcilingClusterETCDCertificates" {
		t.Errorf("state %s", c.ProvisioningState)
	}
	p.settle(clusterID("demo"))
	if count(w.calls, "etcd.Grant") != 1 || count(w.calls, "EnsureControlPlane") != 1 || count(w.calls, "EnsureNode ") != 2 || count(w.calls, "DrainNode") != 0 {
		t.Errorf("calls %v", w.calls)
	}
}

// TestDeletedObjectsAreRestored: by an operation as well, and only where something is missing.
func TestDeletedObjectsAreRestored(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	defer p.stop()
	p.works("demo", withEntra(""))
	w.calls = nil
	if err := p.provider.Restore(t.Context()); err != nil || p.get(clusterID("demo")).Busy() {
		t.Fatalf("nothing is missing: %v", err)
	}
	w.missing = []string{"ClusterRoleBinding aks-cluster-admin-binding-aad"}
	if err := p.provider.Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.settle(clusterID("demo"))
	if count(w.calls, "Apply aad-administrators") != 1 || count(w.calls, "DrainNode") != 0 {
		t.Errorf("calls %v", w.calls)
	}
}

// TestProgramThatEndedIsToldInTheCluster: what was killed is seen in the resource for a while.
func TestProgramThatEndedIsToldInTheCluster(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	defer p.stop()
	c := p.works("demo", simple)
	w.troubles = []clusters.Trouble{{Unit: "kube-apiserver", How: "killed by SIGKILL", At: time.Now(), Times: 1, Restored: true}}
	shown := c.Clone()
	if err := p.registry.Find(clusterID("demo").Type()).Render(t.Context(), shown, "2025-02-01"); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(shown.Properties), "kube-apiserver of the control plane killed by SIGKILL at ") || !strings.Contains(string(shown.Properties), "and runs again.") {
		t.Errorf("cluster %s", shown.Properties)
	}
	// What tools send back of it isn't kept.
	if c := p.works("demo", `{"location":"westus2","properties":`+string(shown.Properties)+`}`); strings.Contains(string(c.Properties), "SIGKILL") {
		t.Errorf("stored %s", c.Properties)
	}
}

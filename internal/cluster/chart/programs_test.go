package chart_test

import (
	"os/exec"
	"path/filepath"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
)

// The programs themselves say whether they understand the arguments.
func TestProgramsTakeTheArguments(t *testing.T) {
	bin := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", bin, "./cmd/mic", "./cmd/nmi")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	for _, values := range [][]string{
		nil, {"--values", "testdata/predecessor.values.yaml"}, managed(), broker(), append(managed(), broker()...),
		{"--values", "testdata/predecessor-defaults.values.yaml"},
		{"--set", "nmi.attestation=ebpf,nmi.podNetwork=other,nmi.rulesPrivileged=false,nmi.exceptionNamespaces={*},nmi.exceptionServiceAccounts={a/b}"},
		{"--set", "forceNamespaced=true,webhook.enabled=true,mic.keepCompletedPods=true,nmi.blockInstanceMetadata=true,mic.immutableUserMSIs={a,b}"},
		{"--set", "adminsecret.clientID=c,mic.customCloud.enabled=true,customUserAgent=me,nmi.snapshot.enabled=false,nmi.exceptionNamespaces=null"},
		{"--set", "operationMode=managed,nmi.podNetwork=bridge,nmi.kubepodsCgroup=none,nmi.cloudConfig=,nmi.hopLimit=0,nmi.selfTest.enabled=false"},
		{"--set", "nmi.entitlements=broker,networkPolicy.enabled=true"},
	} {
		rendered, err := render(t, values...)
		if err != nil {
			t.Fatal(rendered)
		}
		programs := map[string][][]string{}
		for _, mic := range documents[appsv1.Deployment](t, rendered, "Deployment") {
			programs["mic"] = append(programs["mic"], mic.Spec.Template.Spec.Containers[0].Args)
		}
		for _, nmi := range documents[appsv1.DaemonSet](t, rendered, "DaemonSet") {
			pod := nmi.Spec.Template.Spec
			for _, c := range append(pod.InitContainers, pod.Containers...) {
				programs["nmi"] = append(programs["nmi"], c.Args)
			}
		}
		for program, lists := range programs {
			for _, args := range lists {
				if out, err := exec.CommandContext(t.Context(), filepath.Join(bin, program), append(args, "--version")...).CombinedOutput(); err != nil {
					t.Errorf("%s %v: %v\n%s", program, args, err, out)
				}
			}
		}
	}
}

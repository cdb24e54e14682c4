package chart_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
)

// The arguments that the chart gives to its programs, in one line each. Tests of cmd/mic and cmd/nmi read the file and say whether
// the programs understand them.
func TestProgramsTakeTheArguments(t *testing.T) {
	var lines []string
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
		line := func(program string, arguments []string) {
			text, err := json.Marshal(append([]string{program}, arguments...))
			if err != nil {
				t.Fatal(err)
			}
			lines = append(lines, string(text)+"\n")
		}
		for _, mic := range documents[appsv1.Deployment](t, rendered, "Deployment") {
			line("mic", mic.Spec.Template.Spec.Containers[0].Args)
		}
		for _, nmi := range documents[appsv1.DaemonSet](t, rendered, "DaemonSet") {
			pod := nmi.Spec.Template.Spec
			for _, c := range append(pod.InitContainers, pod.Containers...) {
				line("nmi", c.Args)
			}
		}
	}
	slices.Sort(lines)
	got := strings.Join(slices.Compact(lines), "")
	golden := filepath.Join("testdata", "arguments.jsonl")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("the chart gives other arguments; if that is meant, run this test with -update, and the tests of cmd (-golden +got):\n%s", diff)
	}
}

package chart_test

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write the golden files")

const root = "../../.."

// render runs Helm as an installer does, against a cluster of version 1.34.
func render(t *testing.T, args ...string) (string, error) {
	t.Helper()
	return renderFrom(t, filepath.Join(root, "charts", "lanyard"), args...)
}

func renderFrom(t *testing.T, chart string, args ...string) (string, error) {
	t.Helper()
	helm, err := filepath.Abs(filepath.Join(root, "build", "tools", "helm"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(helm); err != nil {
		t.Fatalf("this test needs Helm at build/tools/helm: run make tools")
	}
	args = append([]string{"template", "lanyard", chart, "--namespace", "default", "--kube-version", "1.34.0"}, args...)
	cmd := exec.CommandContext(t.Context(), helm, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return stderr.String(), err
	}
	return string(out), nil
}

// managed is an installation without mic, with all that mic has besides its Deployment.
func managed() []string {
	return []string{"--set", "operationMode=managed,mic.podDisruptionBudget.minAvailable=1,rbac.createUserFacingClusterRoles=true"}
}

// broker is an installation whose mic gets tokens of service principals in one namespace and mints everywhere.
func broker() []string {
	return []string{"--set", "broker.secretNamespaces={default},broker.tokenNamespaces={*}"}
}

// entitlements is an installation whose agents read nothing of the API server.
func entitlements() []string {
	return []string{"--set", "nmi.startupTaint=example.com/nmi,networkPolicy.enabled=true"}
}

func TestRenderedChart(t *testing.T) {
	for name, args := range map[string][]string{
		"default":      nil,
		"predecessor":  {"--values", "testdata/predecessor.values.yaml"},
		"managed":      managed(),
		"adminsecret":  {"--set", "adminsecret.tenantID=t,adminsecret.clientID=c,adminsecret.clientSecret=s,adminsecret.useMSI=false"},
		"workload":     {"--set", "mic.workloadIdentity.clientID=c,mic.workloadIdentity.tenantID=t,mic.customCloud.enabled=true"},
		"broker":       broker(),
		"bridge":       {"--set", "operationMode=managed,nmi.podNetwork=bridge"},
		"webhook":      {"--set", "webhook.enabled=true"},
		"entitlements": entitlements(),
		"policies":     {"--set", "webhook.enabled=true,networkPolicy.enabled=true,nmi.startupTaint=example.com/nmi,mic.podDisruptionBudget.minAvailable=1,broker.tokenNamespaces={*}"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := render(t, args...)
			if err != nil {
				t.Fatal(got)
			}
			golden := filepath.Join("testdata", name+".golden.yaml")
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
				t.Errorf("the chart renders differently; if that is meant, run this test with -update (-golden +got):\n%s", diff)
			}
		})
	}
}

func TestBadValuesAreRefused(t *testing.T) {
	for name, tc := range map[string]struct{ set, want string }{
		"two ways to sign in":       {"adminsecret.clientID=c,mic.workloadIdentity.clientID=c", "two ways to sign in"},
		"unknown secret key":        {"adminsecret.password=c", "password"},
		"no tenant":                 {"mic.workloadIdentity.clientID=c", "tenantID is missing"},
		"unknown mode":              {"operationMode=relaxed", "operationMode"},
		"misspelt key":              {"mic.replcas=3", "replcas"},
		"no replicas":               {"mic.replicas=0", "replicas"},
		"duration without unit":     {"mic.identityLinger=5", "identityLinger"},
		"account without a name":    {"nmi.nodeIdentityServiceAccounts={kube-system}", "nodeIdentityServiceAccounts"},
		"identity without client":   {"azureIdentities.web.type=0", "clientID"},
		"every namespace's secrets": {"broker.secretNamespaces={*}", "secretNamespaces"},
		"the predecessor's images":  {"image.repository=mcr.microsoft.com/oss/azure/aad-pod-identity", "has the images of aad-pod-identity"},
		"unknown entitlements":      {"nmi.entitlements=mic", "entitlements"},
		"metrics for nobody":        {"networkPolicy.metricsFrom=null,networkPolicy.enabled=yes", "networkPolicy"},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := render(t, "--set", tc.set); err == nil || !strings.Contains(got, tc.want) {
				t.Errorf("rendering with %s: %v, want an error about %q:\n%s", tc.set, err, tc.want, got)
			}
		})
	}
}

func TestChartCarriesTheGeneratedCRDs(t *testing.T) {
	generated, err := filepath.Glob(filepath.Join(root, "config", "crd", "*.yaml"))
	if err != nil || len(generated) != 4 {
		t.Fatalf("generated CRDs: %v, %v", generated, err)
	}
	for _, path := range generated {
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(root, "charts", "lanyard", "crds", filepath.Base(path)))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s differs from config/crd: run make generate (-config +chart):\n%s", filepath.Base(path), diff)
		}
	}
}

// documents returns the rendered objects of a kind.
func documents[T any](t *testing.T, rendered, kind string) []T {
	t.Helper()
	var found []T
	for _, text := range strings.Split(rendered, "\n---\n") {
		var head struct{ Kind string }
		if err := yaml.Unmarshal([]byte(text), &head); err != nil {
			t.Fatal(err)
		}
		if head.Kind != kind {
			continue
		}
		var o T
		if err := yaml.UnmarshalStrict([]byte(text), &o); err != nil {
			t.Fatalf("reading %s: %v\n%s", kind, err, text)
		}
		found = append(found, o)
	}
	return found
}

// The tests of mic run with the chart's role; this one says that the role from
// the markers in mic's code, for those who install without Helm, is the same.
func TestChartGivesMicTheGeneratedRole(t *testing.T) {
	generated, err := os.ReadFile(filepath.Join(root, "config", "rbac", "role.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	rendered, err := render(t)
	if err != nil {
		t.Fatal(rendered)
	}
	want := permissions(documents[rbacv1.ClusterRole](t, string(generated), "ClusterRole")[0].Rules)
	for _, role := range documents[rbacv1.ClusterRole](t, rendered, "ClusterRole") {
		if role.Name == "lanyard-mic" {
			if diff := cmp.Diff(want, permissions(role.Rules)); diff != "" {
				t.Errorf("role of mic (-config/rbac +chart):\n%s", diff)
			}
			return
		}
	}
	t.Error("the chart has no role for mic")
}

// permissions spells rules out, one permission each.
func permissions(rules []rbacv1.PolicyRule) []string {
	var all []string
	for _, r := range rules {
		for _, group := range r.APIGroups {
			for _, resource := range r.Resources {
				for _, verb := range r.Verbs {
					all = append(all, verb+" "+group+"/"+resource)
				}
			}
		}
	}
	slices.Sort(all)
	return all
}

// In managed mode there is no mic, and nmi reads bindings and identities in place of what mic writes.
func TestManagedModeIsTheAgentAlone(t *testing.T) {
	rendered, err := render(t, managed()...)
	if err != nil {
		t.Fatal(rendered)
	}
	for _, word := range []string{"component: mic", "lanyard-mic", "azureassignedidentities"} {
		if strings.Contains(rendered, word) {
			t.Errorf("managed mode installs %q", word)
		}
	}
	const group = " aadpodidentity.k8s.io/"
	want := []string{
		"create /events",
		"get /pods", "get" + group + "azureidentities", "get" + group + "azureidentitybindings", "get" + group + "azurepodidentityexceptions",
		"list /pods", "list" + group + "azureidentities", "list" + group + "azureidentitybindings", "list" + group + "azurepodidentityexceptions",
		"watch /pods", "watch" + group + "azureidentities", "watch" + group + "azureidentitybindings", "watch" + group + "azurepodidentityexceptions",
	}
	slices.Sort(want)
	for _, role := range documents[rbacv1.ClusterRole](t, rendered, "ClusterRole") {
		if role.Name == "lanyard-nmi" {
			if diff := cmp.Diff(want, permissions(role.Rules)); diff != "" {
				t.Errorf("role of nmi (-want +got):\n%s", diff)
			}
			return
		}
	}
	t.Error("the chart has no role for nmi")
}

// aad-pod-identity issue 248: nmi could read every Secret of the cluster.
func TestNobodyReadsSecrets_Issue248(t *testing.T) {
	rendered, err := render(t, "--values", "testdata/predecessor.values.yaml")
	if err != nil {
		t.Fatal(rendered)
	}
	var rules []rbacv1.PolicyRule
	for _, r := range documents[rbacv1.ClusterRole](t, rendered, "ClusterRole") {
		rules = append(rules, r.Rules...)
	}
	for _, r := range documents[rbacv1.Role](t, rendered, "Role") {
		rules = append(rules, r.Rules...)
	}
	if len(rules) == 0 {
		t.Fatal("no rules found")
	}
	for _, r := range rules {
		for _, list := range [][]string{r.Resources, r.Verbs, r.APIGroups} {
			if slices.Contains(list, "secrets") || slices.Contains(list, "*") {
				t.Errorf("rule %v reaches too far", r)
			}
		}
	}
}

func TestAgentHasNetAdminOnlyAndInstallsTheRedirectFirst(t *testing.T) {
	for name, test := range map[string]struct {
		set        string
		privileged bool
		rights     []string
	}{
		"default":                  {"", true, []string{"NET_ADMIN"}},
		"cgroup version 1 as well": {"nmi.rulesPrivileged=false", false, []string{"NET_ADMIN"}},
		"hooks":                    {"nmi.rulesPrivileged=false,nmi.attestation=ebpf", false, []string{"NET_ADMIN", "BPF"}},
	} {
		t.Run(name, func(t *testing.T) {
			rendered, err := render(t, "--set", test.set)
			if err != nil {
				t.Fatal(rendered)
			}
			pod := daemonSet(t, rendered, "lanyard-nmi").Spec.Template.Spec
			if !pod.HostNetwork || pod.HostPID || len(pod.InitContainers) != 1 || pod.InitContainers[0].Args[0] != "rules" {
				t.Errorf("pod %+v", pod)
			}
			if got := pod.SecurityContext.SeccompProfile.Type; got != corev1.SeccompProfileTypeRuntimeDefault {
				t.Errorf("seccomp profile %s", got)
			}
			rules := pod.InitContainers[0].SecurityContext
			if got := rules.Privileged != nil && *rules.Privileged; got != test.privileged {
				t.Errorf("the init container is privileged: %t, want %t", got, test.privileged)
			}
			if !test.privileged {
				wantRights(t, pod.InitContainers[0], test.rights...)
			}
			wantRights(t, pod.Containers[0], test.rights...)
			for _, m := range pod.Containers[0].VolumeMounts {
				if !m.ReadOnly && m.MountPath != "/run/lanyard/nmi" { // the snapshot's folder, in memory
					t.Errorf("the agent may write to %s", m.MountPath)
				}
			}
		})
	}
}

// The pod of the self-test is as poor as can be, or it would be something to take over.
func TestProbeHasNoRights(t *testing.T) {
	rendered, err := render(t)
	if err != nil {
		t.Fatal(rendered)
	}
	pod := daemonSet(t, rendered, "lanyard-probe").Spec.Template.Spec
	if pod.HostNetwork || pod.AutomountServiceAccountToken == nil || *pod.AutomountServiceAccountToken || len(pod.Volumes) > 0 ||
		pod.SecurityContext.RunAsNonRoot == nil || !*pod.SecurityContext.RunAsNonRoot {
		t.Errorf("pod %+v", pod)
	}
	wantRights(t, pod.Containers[0])
}

func daemonSet(t *testing.T, rendered, name string) appsv1.DaemonSet {
	t.Helper()
	for _, set := range documents[appsv1.DaemonSet](t, rendered, "DaemonSet") {
		if set.Name == name {
			return set
		}
	}
	t.Fatalf("there is no DaemonSet %s", name)
	return appsv1.DaemonSet{}
}

// wantRights insists on exactly these capabilities and no other privilege.
func wantRights(t *testing.T, c corev1.Container, capabilities ...string) {
	t.Helper()
	s := c.SecurityContext
	if s.Privileged != nil || *s.AllowPrivilegeEscalation || !*s.ReadOnlyRootFilesystem ||
		!cmp.Equal(capabilities, toStrings(s.Capabilities.Add)) || !cmp.Equal([]string{"ALL"}, toStrings(s.Capabilities.Drop)) {
		t.Errorf("container %s: %+v", c.Name, s)
	}
}

// The taint and NET_RAW policies come when they are asked for, and the second one by itself where the network is a bridge.
func TestPolicies(t *testing.T) {
	for set, want := range map[string][]string{
		"":                                 nil,
		"nmi.podNetwork=bridge":            {"lanyard-drop-net-raw"},
		"requireDropNetRaw.enabled=true":   {"lanyard-drop-net-raw"},
		"nmi.startupTaint=example.com/nmi": {"lanyard-untaint"},
		"nmi.podNetwork=bridge,requireDropNetRaw.enabled=false": nil,
	} {
		rendered, err := render(t, "--set", set)
		if err != nil {
			t.Fatal(rendered)
		}
		var got []string
		for _, policy := range documents[admissionv1.ValidatingAdmissionPolicy](t, rendered, "ValidatingAdmissionPolicy") {
			got = append(got, policy.Name)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("with %q (-want +got):\n%s", set, diff)
		}
		if bindings := documents[admissionv1.ValidatingAdmissionPolicyBinding](t, rendered, "ValidatingAdmissionPolicyBinding"); len(bindings) != len(want) {
			t.Errorf("with %q there are %d bindings", set, len(bindings))
		}
	}
}

func toStrings[T ~string](in []T) []string {
	var out []string
	for _, s := range in {
		out = append(out, string(s))
	}
	return out
}

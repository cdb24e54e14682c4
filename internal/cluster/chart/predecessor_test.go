package chart_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
)

// A copy of aad-pod-identity's values, with another repository, is enough; its version's tags mean this one's.
func TestDefaultsOfThePredecessorAreTakenAsTheyAre(t *testing.T) {
	rendered, err := render(t, "--values", "testdata/predecessor-defaults.values.yaml")
	if err != nil {
		t.Fatal(rendered)
	}
	mic := documents[appsv1.Deployment](t, rendered, "Deployment")[0].Spec.Template.Spec
	nmi := daemonSet(t, rendered, "lanyard-nmi").Spec.Template.Spec
	for _, image := range []string{mic.Containers[0].Image, nmi.Containers[0].Image, nmi.InitContainers[0].Image} {
		if !strings.HasSuffix(image, ":0.1.0") || !strings.HasPrefix(image, "registry.example/identity/") {
			t.Errorf("image %s", image)
		}
	}
	want := "mic.tag: it is aad-pod-identity's version; this is 0.1.0\n  nmi.tag: it is aad-pod-identity's version; this is 0.1.0"
	if diff := cmp.Diff(want, unheeded(t, "--values", "testdata/predecessor-defaults.values.yaml")); diff != "" {
		t.Errorf("notes (-want +got):\n%s", diff)
	}
}

// Whoever set one of aad-pod-identity's values to something is told if it does nothing here.
func TestValuesWithoutEffectAreNamed(t *testing.T) {
	for set, want := range map[string]string{
		"": "",
		"nmi.loggingFormat=json,nmi.setRetryAfterHeader=true":          "",
		"nmi.loggingFormat=text":                                       "nmi.loggingFormat: ",
		"mic.leaderElection.instance=me":                               "mic.leaderElection.instance: ",
		"mic.updateUserMSIMaxRetry=5":                                  "mic.updateUserMSIMaxRetry: ",
		"nmi.retryAttemptsForCreated=3":                                "--assignment-timeout",
		"nmi.metadataHeaderRequired=false":                             "nmi.metadataHeaderRequired: ",
		"nmi.enableScaleFeatures=false":                                "nmi.enableScaleFeatures: ",
		"nmi.micNamespace=elsewhere":                                   "nmi.micNamespace: ",
		"rbac.pspEnabled=true":                                         "rbac.pspEnabled: ",
		"azureIdentities.a.type=1,azureIdentities.a.clientID=c":        "broker.secretNamespaces names kube-system",
		"azureIdentities.a.type=3,azureIdentities.a.clientID=c":        "",
		"nmi.ipTableUpdateTimeIntervalInSeconds=5,nmi.logVerbosity=5":  "nmi.logVerbosity: ",
		"nmi.findIdentityRetryIntervalInSeconds=2,nmi.tag=v2.0.0":      "nmi.findIdentityRetryIntervalInSeconds: ",
		"nmi.retryAttemptsForAssigned=3,nmi.enableConntrackDeletion=1": "nmi.retryAttemptsForAssigned: ",
	} {
		if got := unheeded(t, "--set", set); !strings.Contains(got, want) || want == "" && got != "" {
			t.Errorf("with %q: %q, want %q", set, got, want)
		}
	}
}

// unheeded renders what NOTES.txt says of such values; helm template leaves that file out.
func unheeded(t *testing.T, args ...string) string {
	t.Helper()
	copied := filepath.Join(t.TempDir(), "lanyard")
	if err := os.CopyFS(copied, os.DirFS(filepath.Join(root, "charts", "lanyard"))); err != nil {
		t.Fatal(err)
	}
	const name = "templates/said.yaml"
	if err := os.WriteFile(filepath.Join(copied, name), []byte("said: |\n  {{ include \"lanyard.unheeded\" . | trim }}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := renderFrom(t, copied, append([]string{"--show-only", name}, args...)...)
	if err != nil {
		t.Fatal(out)
	}
	_, said, _ := strings.Cut(out, "said: |")
	return strings.TrimSpace(said)
}

// aad-pod-identity issue 381, 756: the exception for add-ons was there already, and the installation failed.
func TestExceptionForAddonsIsMadeUnlessTurnedOff_Issue381(t *testing.T) {
	for set, want := range map[string]bool{"": true, "installMICException=false": false, "operationMode=managed": true} {
		rendered, err := render(t, "--set", set)
		if err != nil {
			t.Fatal(rendered)
		}
		if got := strings.Contains(rendered, "name: aks-addon-exception"); got != want {
			t.Errorf("with %q: %t", set, got)
		}
	}
}

func TestKubenetOfThePredecessorIsABridge(t *testing.T) {
	for set, want := range map[string]string{
		"":                                   "routed",
		"nmi.allowNetworkPluginKubenet=true": "bridge",
		"nmi.allowNetworkPluginKubenet=true,nmi.podNetwork=other,nmi.attestation=ebpf": "other",
	} {
		rendered, err := render(t, "--set", set)
		if err != nil {
			t.Fatal(rendered)
		}
		if !strings.Contains(rendered, "--pod-network="+want+"\n") {
			t.Errorf("with %q it isn't %s", set, want)
		}
	}
}

// A cloud without a name is described in a file of the node, which is root's as a rule, also where mic signs in by a secret.
func TestFilesOfTheNodeAreReadAsWhoMay(t *testing.T) {
	for set, want := range map[string]int64{
		"":                       0,
		"adminsecret.clientID=c": 65532,
		"adminsecret.clientID=c,mic.customCloud.enabled=true":                    0,
		"adminsecret.clientID=c,mic.customCloud.enabled=true,mic.runAsUser=1000": 1000,
	} {
		rendered, err := render(t, "--set", set)
		if err != nil {
			t.Fatal(rendered)
		}
		s := documents[appsv1.Deployment](t, rendered, "Deployment")[0].Spec.Template.Spec.SecurityContext
		if *s.RunAsUser != want || (s.RunAsNonRoot != nil) != (want != 0) {
			t.Errorf("with %q: %+v", set, s)
		}
	}
}

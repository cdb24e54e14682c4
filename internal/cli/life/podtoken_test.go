package life

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/login"
)

const (
	aToken   = "eyJhbGciOiJub25lIn0.eyJhcHBpZCI6Im15LWFwcCJ9.x" // of the claim appid: my-app
	anAnswer = `{"access_token":"` + aToken + `","client_id":"my-app"}`
	metadata = "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&"
	forARM   = "resource=https%3A%2F%2Fmanagement.azure.com%2F"
)

// fakeKubectl is a FAKE kubectl: it answers a command line that contains a rule's words with the rule's text, in the
// order of the rules, and refuses all others.
type fakeKubectl struct{ folder string }

type rule struct{ line, answer string }

func newFakeKubectl(t *testing.T, rules ...rule) fakeKubectl {
	t.Helper()
	f := fakeKubectl{t.TempDir()}
	script := "#!/bin/sh\ncd " + f.folder + "\nprintf '%s\\n' \"$*\" >>lines\ncase \"$*\" in\n*' -f -') cat >>manifest ;;\nesac\n"
	for i, r := range rules {
		name := "answer" + string(rune('a'+i))
		if err := os.WriteFile(filepath.Join(f.folder, name), []byte(r.answer), 0o600); err != nil {
			t.Fatal(err)
		}
		script += "case \"$*\" in\n*'" + r.line + "'*) cat " + name + "; [ -e next" + name + " ] && mv next" + name + " " + name + "; exit 0 ;;\nesac\n"
	}
	script += "echo \"no answer to: $*\" >&2\nexit 1\n"
	if err := os.WriteFile(filepath.Join(f.folder, "kubectl"), []byte(script), 0o700); err != nil { //nolint:gosec // it is run
		t.Fatal(err)
	}
	t.Setenv("PATH", f.folder+":"+os.Getenv("PATH"))
	return f
}

// then is what a rule answers from its second time on.
func (f fakeKubectl) then(t *testing.T, number int, answer string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(f.folder, "nextanswer"+string(rune('a'+number))), []byte(answer), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (f fakeKubectl) asked(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(f.folder, "lines"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

// runToken runs `lanyard token` or, as kubectl's plugin, `kubectl lanyard token`.
func runToken(t *testing.T, table command.Table, line ...string) (out, said string, status int) {
	t.Helper()
	var stdout, stderr strings.Builder
	program := &command.Program{
		Name: "lanyard", Table: table, In: strings.NewReader(""), Out: &stdout, Err: &stderr,
		Getenv: func(string) string { return "" }, Folder: login.Folder{Path: t.TempDir()},
	}
	status = program.Run(t.Context(), append([]string{"token"}, line...))
	return stdout.String(), stderr.String(), status
}

// A pod is asked by its own programs, and only it: who it is nobody can say but itself.
func TestTokenOfAPod(t *testing.T) {
	for name, tt := range map[string]struct {
		table command.Table
		line  string
		rules []rule
		asked []string
		said  string // part of the complaint; "" when there is a token
	}{
		"by its curl": {
			tokenCommand(), "pod/my-app/demo", []rule{{"curl", anAnswer}},
			[]string{"exec demo --namespace my-app -- curl -sS -H Metadata: true " + metadata + forARM}, "",
		},
		"by its wget, where there is no curl": {
			tokenCommand(), "pod/my-app/demo", []rule{{"wget", anAnswer}},
			[]string{
				"exec demo --namespace my-app -- curl -sS -H Metadata: true " + metadata + forARM,
				"exec demo --namespace my-app -- wget -qO- --header Metadata: true " + metadata + forARM,
			}, "",
		},
		"in the default namespace, one of several identities, for a vault": {
			tokenCommand(), "pod/demo --client-id my-app --resource https://vault.azure.net", []rule{{"curl", anAnswer}},
			[]string{"exec demo --namespace default -- curl -sS -H Metadata: true " + metadata + "client_id=my-app&resource=https%3A%2F%2Fvault.azure.net"}, "",
		},
		"by kubectl's plugin": {
			Plugin(), "demo -n my-app", []rule{{"curl", anAnswer}},
			[]string{"exec demo --namespace my-app -- curl -sS -H Metadata: true " + metadata + forARM}, "",
		},
		"with neither": {tokenCommand(), "pod/my-app/demo", nil, nil, "with --beside a container of the node agent's image is added to it"},
		"refused": {
			tokenCommand(), "pod/my-app/demo", []rule{{"curl", `{"error":"invalid_request","error_description":"Identity not found"}`}}, nil,
			"the pod was refused: ",
		},
	} {
		t.Run(name, func(t *testing.T) {
			kubectl := newFakeKubectl(t, tt.rules...)
			out, said, status := runToken(t, tt.table, strings.Fields(tt.line)...)
			if tt.said != "" {
				if status == 0 || !strings.Contains(said, tt.said) {
					t.Errorf("status %d: %s", status, said)
				}
				return
			}
			if status != 0 || !strings.Contains(out, "appid  my-app") || strings.Contains(out+said, aToken) {
				t.Errorf("status %d: %s%s", status, out, said)
			}
			if diff := cmp.Diff(tt.asked, kubectl.asked(t)); diff != "" {
				t.Errorf("kubectl was asked (-want +got):\n%s", diff)
			}
		})
	}
}

const agentSet = `{"items":[{"spec":{"template":{"spec":{"containers":[{"name":"nmi","image":"registry.example/nmi:1"}]}}}}]}`

func podWith(containers, statuses string) string {
	return `{"metadata":{"name":"demo"},"spec":{"containers":[{"name":"c"}],"ephemeralContainers":[` + containers + `]},"status":{"ephemeralContainerStatuses":[` + statuses + `]}}`
}

// A pod whose image has no curl is asked by a container that is added beside its own: once, without any right.
func TestTokenBesideAPod(t *testing.T) {
	const running = `{"name":"lanyard-token-1","state":{"running":{}}}`
	const ended = `{"name":"lanyard-token-1","state":{"terminated":{}}}`
	const question = "exec demo --namespace my-app --container "

	t.Run("that has none yet", func(t *testing.T) {
		kubectl := newFakeKubectl(t, rule{"get pod demo", podWith("", "")}, rule{"get daemonsets", agentSet}, rule{"replace --raw", "{}"}, rule{question + "lanyard-token-1", anAnswer})
		kubectl.then(t, 0, podWith(`{"name":"lanyard-token-1"}`, running))
		out, said, status := runToken(t, tokenCommand(), "pod/my-app/demo", "--beside")
		if status != 0 || !strings.Contains(out, "appid  my-app") || !strings.Contains(said, "Adding ephemeral container lanyard-token-1 of image registry.example/nmi:1 to pod my-app/demo.") {
			t.Fatalf("status %d: %s%s", status, out, said)
		}
		if diff := cmp.Diff([]string{
			"get pod demo --namespace my-app -o json",
			"get daemonsets --all-namespaces --selector app.kubernetes.io/name=lanyard,app.kubernetes.io/component=nmi -o json",
			"replace --raw /api/v1/namespaces/my-app/pods/demo/ephemeralcontainers -f -",
			"get pod demo --namespace my-app -o json",
			question + "lanyard-token-1 -- nmi token --resource https://management.azure.com/",
		}, kubectl.asked(t)); diff != "" {
			t.Errorf("kubectl was asked (-want +got):\n%s", diff)
		}
		wantHarmless(t, kubectl)
	})
	t.Run("that has one", func(t *testing.T) {
		newFakeKubectl(t, rule{"get pod demo", podWith(`{"name":"lanyard-token-1"}`, running)}, rule{question + "lanyard-token-1 -- nmi token --resource https://management.azure.com/ --client-id my-app", anAnswer})
		if out, said, status := runToken(t, tokenCommand(), "pod/my-app/demo", "--beside", "--client-id", "my-app"); status != 0 || said != "" || !strings.Contains(out, "appid  my-app") {
			t.Errorf("status %d: %s%s", status, out, said)
		}
	})
	t.Run("that had one", func(t *testing.T) {
		kubectl := newFakeKubectl(t, rule{"get pod demo", podWith(`{"name":"lanyard-token-1"}`, ended)}, rule{"get daemonsets", agentSet}, rule{"replace --raw", "{}"}, rule{question + "lanyard-token-2", anAnswer})
		kubectl.then(t, 0, podWith(`{"name":"lanyard-token-1"},{"name":"lanyard-token-2"}`, ended+`,{"name":"lanyard-token-2","state":{"running":{}}}`))
		if out, said, status := runToken(t, tokenCommand(), "pod/my-app/demo", "--beside"); status != 0 || !strings.Contains(out, "appid  my-app") {
			t.Errorf("status %d: %s%s", status, out, said)
		}
	})
	t.Run("in a cluster without the agent", func(t *testing.T) {
		newFakeKubectl(t, rule{"get pod demo", podWith("", "")}, rule{"get daemonsets", `{"items":[]}`})
		if _, said, status := runToken(t, tokenCommand(), "pod/my-app/demo", "--beside"); status == 0 || !strings.Contains(said, "this cluster has no node agent of ours") {
			t.Errorf("status %d: %s", status, said)
		}
	})
	t.Run("that isn't there", func(t *testing.T) {
		newFakeKubectl(t)
		if _, said, status := runToken(t, tokenCommand(), "pod/my-app/demo", "--beside"); status == 0 || !strings.Contains(said, "kubectl get pod demo --namespace my-app -o json: ") {
			t.Errorf("status %d: %s", status, said)
		}
	})
}

// wantHarmless looks at what was added: the pod's own container stays, and the new one may do nothing but ask.
func wantHarmless(t *testing.T, kubectl fakeKubectl) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(kubectl.folder, "manifest"))
	if err != nil {
		t.Fatal(err)
	}
	var pod struct {
		Spec struct {
			Containers          []struct{ Name string }
			EphemeralContainers []map[string]any
		}
	}
	if err := json.Unmarshal(data, &pod); err != nil {
		t.Fatal(err)
	}
	if len(pod.Spec.Containers) != 1 || len(pod.Spec.EphemeralContainers) != 1 {
		t.Fatalf("the pod became %s", data)
	}
	if diff := cmp.Diff(map[string]any{
		"name": "lanyard-token-1", "image": "registry.example/nmi:1", "imagePullPolicy": "IfNotPresent", "args": []any{"token", "--stay", "10m"},
		"securityContext": map[string]any{
			"runAsUser": 65532.0, "runAsNonRoot": true, "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
			"capabilities": map[string]any{"drop": []any{"ALL"}}, "seccompProfile": map[string]any{"type": "RuntimeDefault"},
		},
	}, pod.Spec.EphemeralContainers[0]); diff != "" {
		t.Errorf("added (-want +got):\n%s", diff)
	}
}

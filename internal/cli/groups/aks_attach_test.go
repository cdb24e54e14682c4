package groups

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What is sent of a kubeconfig is the one context that is meant, without files of this machine's.
func TestOneContext(t *testing.T) {
	folder := t.TempDir()
	config := filepath.Join(folder, "config")
	for name, content := range map[string]string{
		"config": `
apiVersion: v1
kind: Config
current-context: kind
contexts:
- {name: kind, context: {cluster: kind, user: kind}}
- {name: other, context: {cluster: other, user: other}}
- {name: broken, context: {cluster: kind, user: nobody}}
clusters:
- {name: kind, cluster: {server: "https://127.0.0.1:6443", certificate-authority: ca.crt}}
- {name: other, cluster: {server: "https://other.example", certificate-authority-data: T1RIRVI=}}
users:
- {name: kind, user: {client-certificate: me.crt, client-key: ` + filepath.Join(folder, "me.key") + `}}
- {name: other, user: {tokenFile: token}}
`,
		"ca.crt": "CA", "me.crt": "CERTIFICATE", "me.key": "KEY", "token": "TOKEN\n",
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	in := func(content string) string { return base64.StdEncoding.EncodeToString([]byte(content)) }
	for context, want := range map[string]kubeconfig{
		"": {
			"apiVersion": "v1", "kind": "Config", "current-context": "kind",
			"contexts": []any{map[string]any{"name": "kind", "context": map[string]any{"cluster": "kind", "user": "kind"}}},
			"clusters": []any{map[string]any{"name": "kind", "cluster": map[string]any{"server": "https://127.0.0.1:6443", "certificate-authority-data": in("CA")}}},
			"users":    []any{map[string]any{"name": "kind", "user": map[string]any{"client-certificate-data": in("CERTIFICATE"), "client-key-data": in("KEY")}}},
		},
		"other": {
			"apiVersion": "v1", "kind": "Config", "current-context": "other",
			"contexts": []any{map[string]any{"name": "other", "context": map[string]any{"cluster": "other", "user": "other"}}},
			"clusters": []any{map[string]any{"name": "other", "cluster": map[string]any{"server": "https://other.example", "certificate-authority-data": in("OTHER")}}},
			"users":    []any{map[string]any{"name": "other", "user": map[string]any{"token": "TOKEN"}}},
		},
	} {
		raw, err := oneContext(config, context)
		if err != nil {
			t.Fatalf("context %q: %v", context, err)
		}
		got, err := readKubeconfig(raw)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("context %q (-want +got):\n%s", context, diff)
		}
	}
	for context, says := range map[string]string{"nowhere": "has no context 'nowhere'", "broken": "isn't there"} {
		if _, err := oneContext(config, context); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("context %q: %v", context, err)
		}
	}
	if err := os.Remove(filepath.Join(folder, "ca.crt")); err != nil {
		t.Fatal(err)
	}
	if _, err := oneContext(config, ""); err == nil || !strings.Contains(err.Error(), "ca.crt") {
		t.Errorf("a file that is missing: %v", err)
	}
}

package untaint_test

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/node/kube"
	"github.com/lanyard-project/lanyard/internal/node/untaint"
)

const taint = "lanyard.dev/nmi-not-ready"

// api has nmi's pods, and nodes that it lets somebody change once it has refused.
type api struct {
	pods string

	mu      sync.Mutex
	refuse  int
	nodes   map[string]string
	patches []string
	patched chan struct{}
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case r.URL.Path == "/api/v1/namespaces/kube-system/pods" && r.URL.Query().Get("watch") == "":
		_, _ = io.WriteString(w, a.pods)
	case r.URL.Path == "/api/v1/namespaces/kube-system/pods":
		a.mu.Unlock()
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		a.mu.Lock()
	case r.Method == http.MethodGet && a.nodes[r.URL.Path] != "":
		_, _ = io.WriteString(w, a.nodes[r.URL.Path])
	case r.Method == http.MethodPatch && a.refuse > 0:
		a.refuse--
		http.Error(w, `{"message":"the object has been modified"}`, http.StatusConflict)
	case r.Method == http.MethodPatch:
		body, _ := io.ReadAll(r.Body)
		a.patches = append(a.patches, r.URL.Path+" "+r.Header.Get("Content-Type")+" "+string(body))
		a.patched <- struct{}{}
		_, _ = io.WriteString(w, "{}")
	default:
		http.NotFound(w, r)
	}
}

func agent(node, ready string) map[string]any {
	return map[string]any{
		"metadata": map[string]any{"name": "nmi-" + node, "uid": node}, "spec": map[string]any{"nodeName": node},
		"status": map[string]any{"conditions": []any{map[string]any{"type": "Ready", "status": ready}}},
	}
}

func TestTaintGoesWhenTheAgentIsReady(t *testing.T) {
	pods, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"resourceVersion": "1"},
		"items":    []any{agent("ready", "True"), agent("not-ready", "False"), agent("clean", "True"), agent("gone", "True")},
	})
	if err != nil {
		t.Fatal(err)
	}
	a := &api{
		pods: string(pods), refuse: 1, patched: make(chan struct{}, 10),
		nodes: map[string]string{
			"/api/v1/nodes/ready": `{"metadata":{"resourceVersion":"7"},"spec":{"taints":[
				{"key":"` + taint + `","effect":"NoSchedule"},{"key":"gpu","value":"yes","effect":"NoExecute","timeAdded":"2026-01-01T00:00:00Z"}]}}`,
			"/api/v1/nodes/not-ready": `{"metadata":{"resourceVersion":"8"},"spec":{"taints":[{"key":"` + taint + `","effect":"NoSchedule"}]}}`,
			"/api/v1/nodes/clean":     `{"metadata":{"resourceVersion":"9"},"spec":{}}`,
		},
	}
	server := httptest.NewTLSServer(a)
	defer server.Close()
	folder := t.TempDir()
	ca, token := filepath.Join(folder, "ca"), filepath.Join(folder, "token")
	for file, content := range map[string][]byte{
		ca: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), token: []byte("t"),
	} {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	client, err := kube.NewClient(kube.Config{Server: server.URL, CAFile: ca, TokenFile: token}, clock.RealClock{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		(&untaint.Untaint{
			Client: client, Clock: clock.RealClock{}, Log: slog.New(slog.DiscardHandler),
			Config: untaint.Config{Taint: taint, Agents: kube.Collection{Path: "/api/v1/namespaces/kube-system/pods"}},
		}).Run(ctx)
	}()
	select {
	case <-a.patched:
	case <-time.After(2 * time.Minute):
		t.Error("no node was changed")
	}
	cancel()
	server.CloseClientConnections()
	<-ended
	want := []string{`/api/v1/nodes/ready application/merge-patch+json {"metadata":{"resourceVersion":"7"},"spec":{"taints":[` +
		`{"key":"gpu","value":"yes","effect":"NoExecute","timeAdded":"2026-01-01T00:00:00Z"}]}}`}
	if diff := cmp.Diff(want, a.patches); diff != "" {
		t.Errorf("patches (-want +got):\n%s", diff)
	}
}

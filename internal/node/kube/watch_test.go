package kube_test

import (
	"context"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/node/kube"
)

type object struct {
	kube.Meta `json:"metadata"`
}

// sink writes down what it is given.
type sink struct {
	mu    sync.Mutex
	lines []string
	wake  chan struct{}
}

func (s *sink) note(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, line)
	s.wake <- struct{}{}
}

func (s *sink) Replace(all []object) {
	names := make([]string, 0, len(all))
	for _, o := range all {
		names = append(names, o.Name)
	}
	s.note("replace " + strings.Join(names, ","))
}
func (s *sink) Apply(o object)  { s.note("apply " + o.Name) }
func (s *sink) Remove(o object) { s.note("remove " + o.Name) }

// script answers each request with the next step and keeps the last one's connection open.
type script struct {
	t     *testing.T
	mu    sync.Mutex
	steps []step
	asked []string
}

type step struct {
	status int
	body   string
	hang   bool
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	s.mu.Lock()
	s.asked = append(s.asked, fmt.Sprintf("%s watch=%s rv=%s continue=%s", r.Header.Get("Authorization"), q.Get("watch"), q.Get("resourceVersion"), q.Get("continue")))
	if len(s.steps) == 0 {
		s.mu.Unlock()
		<-r.Context().Done()
		return
	}
	next := s.steps[0]
	s.steps = s.steps[1:]
	s.mu.Unlock()
	w.WriteHeader(next.status)
	_, _ = w.Write([]byte(next.body))
	w.(http.Flusher).Flush()
	if next.hang {
		<-r.Context().Done()
	}
}

func item(name, version string) string {
	return fmt.Sprintf(`{"metadata":{"name":%q,"uid":%q,"resourceVersion":%q,"creationTimestamp":null}}`, name, name, version)
}

func TestWatcher(t *testing.T) {
	s := &script{t: t, steps: []step{
		{status: 200, body: `{"metadata":{"resourceVersion":"5","continue":"more"},"items":[` + item("a", "1") + `]}`},
		{status: 200, body: `{"metadata":{"resourceVersion":"5"},"items":[` + item("b", "2") + `]}`},
		// a watch that breaks in the middle of an event
		{status: 200, body: `{"type":"ADDED","object":` + item("c", "6") + `}{"type":"BOOKMARK","object":` + item("", "8") + `}{"type":"DEL`},
		{status: 401, body: `{"message":"Unauthorized"}`},
		{status: 200, body: `{"type":"DELETED","object":` + item("a", "9") + `}`},
		{status: 200, body: `{"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old"}}`},
		{status: 200, body: `{"metadata":{"resourceVersion":"20"},"items":[` + item("z", "19") + `]}`},
		{status: 200, body: `{"type":"MODIFIED","object":` + item("z", "21") + `}`, hang: true},
	}}
	server := httptest.NewTLSServer(s)
	t.Cleanup(server.Close)
	folder := t.TempDir()
	ca, token := filepath.Join(folder, "ca"), filepath.Join(folder, "token")
	for file, content := range map[string][]byte{
		ca: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), token: []byte("one\n"),
	} {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	client, err := kube.NewClient(kube.Config{Server: server.URL, CAFile: ca, TokenFile: token}, clock.RealClock{})
	if err != nil {
		t.Fatal(err)
	}
	got := &sink{wake: make(chan struct{}, 10)}
	watcher := &kube.Watcher[object]{
		Client: client, Sink: got, Clock: clock.RealClock{}, Log: slog.New(slog.DiscardHandler),
		Collection: kube.Collection{Path: "/api/v1/pods", FieldSelector: "spec.nodeName=n"},
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		watcher.Run(ctx)
		close(done)
	}()
	for i := range 5 {
		select {
		case <-got.wake:
			if i == 1 { // the account's token is renewed while the watch runs
				if err := os.WriteFile(token, []byte("two"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		case <-time.After(2 * time.Minute):
			t.Fatalf("stuck after %v, asked %v", got.lines, s.asked)
		}
	}
	cancel()
	<-done
	want := []string{"replace a,b", "apply c", "remove a", "replace z", "apply z"}
	if diff := cmp.Diff(want, got.lines); diff != "" {
		t.Errorf("sink (-want +got):\n%s", diff)
	}
	asked := []string{
		"Bearer one watch= rv= continue=", "Bearer one watch= rv= continue=more", "Bearer one watch=1 rv=5 continue=",
		"Bearer one watch=1 rv=8 continue=", // refused: the token is read again
		"Bearer two watch=1 rv=8 continue=", "Bearer two watch=1 rv=9 continue=", "Bearer two watch= rv= continue=",
		"Bearer two watch=1 rv=20 continue=",
	}
	if diff := cmp.Diff(asked, s.asked); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

package lab_test

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

const (
	assignmentsPath = "/apis/aadpodidentity.k8s.io/v1/azureassignedidentities"
	identitiesPath  = "/apis/aadpodidentity.k8s.io/v1/azureidentities"
	bindingsPath    = "/apis/aadpodidentity.k8s.io/v1/azureidentitybindings"
	exceptionsPath  = "/apis/aadpodidentity.k8s.io/v1/azurepodidentityexceptions"
	brokersPath     = "/api/v1/namespaces/kube-system/configmaps/lanyard-broker"
)

// fakeAPI plays the API server: collections with list and watch.
type fakeAPI struct {
	url, caFile, tokenFile string

	mu       sync.Mutex
	version  int
	objects  map[string]map[string]map[string]any // path, name, object
	watchers map[*watch]bool
	refused  bool
	reader   string // who may read collections
	brokers  map[string]string
	told     []string      // events on pods
	youth    time.Duration // for which pods are yet to be made
}

// watch is somebody who is told of a collection's changes. What he hasn't taken yet waits for him, so that nobody waits for him.
type watch struct {
	path    string
	pending []map[string]any
	ended   bool
	news    chan struct{} // there is something pending, or it has ended
}

// tell is called with the API server's lock.
func (w *watch) tell(event map[string]any) {
	w.pending = append(w.pending, event)
	w.wake()
}

func (w *watch) wake() {
	select {
	case w.news <- struct{}{}:
	default:
	}
}

func (a *fakeAPI) events() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.told)
}

func newAPI(t testing.TB, node *namespace, folder string) *fakeAPI {
	a := &fakeAPI{
		objects:  map[string]map[string]map[string]any{"/api/v1/pods": {}, assignmentsPath: {}, identitiesPath: {}, bindingsPath: {}, exceptionsPath: {}},
		watchers: map[*watch]bool{}, version: 1, reader: "account-token",
		caFile: filepath.Join(folder, "ca.crt"), tokenFile: filepath.Join(folder, "token"),
	}
	server := httptest.NewUnstartedServer(a)
	node.do(func() {
		_ = server.Listener.Close()
		var err error
		server.Listener, err = net.Listen("tcp4", "127.0.0.1:0")
		node.must(err, "listening as the API server")
	})
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(func() {
		a.drop()
		server.CloseClientConnections()
		server.Close()
	})
	a.url = server.URL
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	for file, content := range map[string][]byte{a.caFile: ca, a.tokenFile: []byte("account-token\n")} {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

func (a *fakeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json") // client-go reads nothing else
	a.mu.Lock()
	if r.Method == http.MethodPost && r.URL.Path == "/api/v1/namespaces/my-app/events" {
		var event struct {
			Reason, Message string
			Involved        struct{ Name, UID string } `json:"involvedObject"`
		}
		_ = json.NewDecoder(r.Body).Decode(&event)
		a.told = append(a.told, event.Involved.Name+" "+event.Involved.UID+" "+event.Reason+": "+event.Message)
		a.mu.Unlock()
		w.WriteHeader(http.StatusCreated)
		return
	}
	if r.Method == http.MethodGet && r.URL.Path == brokersPath && r.Header.Get("Authorization") == "Bearer account-token" {
		_ = json.NewEncoder(w).Encode(map[string]any{"data": a.brokers})
		a.mu.Unlock()
		return
	}
	objects, ok := a.objects[r.URL.Path]
	if !ok || a.refused || r.Header.Get("Authorization") != "Bearer "+a.reader {
		a.mu.Unlock()
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `{"message":"no"}`)
		return
	}
	if r.URL.Query().Get("watch") == "" {
		apiVersion, kind := kindOf(r.URL.Path)
		list := map[string]any{"apiVersion": apiVersion, "kind": kind + "List", "metadata": map[string]any{"resourceVersion": fmt.Sprint(a.version)}, "items": []any{}}
		for _, object := range objects {
			list["items"] = append(list["items"].([]any), object)
		}
		_ = json.NewEncoder(w).Encode(list)
		a.mu.Unlock()
		return
	}
	if r.URL.Query().Get("resourceVersion") != fmt.Sprint(a.version) {
		// it keeps no history: who missed something has to list again
		_ = json.NewEncoder(w).Encode(map[string]any{"type": "ERROR", "object": map[string]any{"code": 410, "message": "too old"}})
		a.mu.Unlock()
		return
	}
	watcher := &watch{path: r.URL.Path, news: make(chan struct{}, 1)}
	a.watchers[watcher] = true
	a.mu.Unlock()
	a.serve(w, r, watcher)
}

// serve passes on what a watcher is told until the watch ends.
func (a *fakeAPI) serve(w http.ResponseWriter, r *http.Request, watcher *watch) {
	defer func() {
		a.mu.Lock()
		delete(a.watchers, watcher)
		a.mu.Unlock()
	}()
	w.WriteHeader(http.StatusOK)
	w.(http.Flusher).Flush()
	// The real one says about once a minute that nothing has changed; who waits for that here has less patience.
	bookmarks := time.NewTicker(time.Second)
	defer bookmarks.Stop()
	for {
		quiet := false
		select {
		case <-watcher.news:
		case <-bookmarks.C:
			quiet = true
		case <-r.Context().Done():
			return
		}
		a.mu.Lock()
		if quiet && !watcher.ended {
			watcher.tell(a.bookmark(watcher.path))
		}
		events, ended := watcher.pending, watcher.ended
		watcher.pending = nil
		a.mu.Unlock()
		for _, event := range events {
			_ = json.NewEncoder(w).Encode(event)
		}
		w.(http.Flusher).Flush()
		if ended {
			return
		}
	}
}

// drop ends all watches.
func (a *fakeAPI) drop() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for watcher := range a.watchers {
		watcher.ended = true
		watcher.wake()
		delete(a.watchers, watcher)
	}
}

func (a *fakeAPI) refuse(refused bool) {
	a.mu.Lock()
	a.refused = refused
	a.mu.Unlock()
	a.drop()
}

func (a *fakeAPI) put(path, name string, object map[string]any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.version++
	object["metadata"].(map[string]any)["resourceVersion"] = fmt.Sprint(a.version)
	object["apiVersion"], object["kind"] = kindOf(path)
	_, known := a.objects[path][name]
	a.objects[path][name] = object
	a.send(path, map[bool]string{false: "ADDED", true: "MODIFIED"}[known], object)
}

func (a *fakeAPI) remove(path, name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.version++
	object := a.objects[path][name]
	object["metadata"].(map[string]any)["resourceVersion"] = fmt.Sprint(a.version)
	delete(a.objects[path], name)
	a.send(path, "DELETED", object)
}

// kindOf says what a collection is of; other clients than ours insist on it.
func kindOf(path string) (apiVersion, kind string) {
	switch path {
	case assignmentsPath:
		kind = "AzureAssignedIdentity"
	case identitiesPath:
		kind = "AzureIdentity"
	case bindingsPath:
		kind = "AzureIdentityBinding"
	case exceptionsPath:
		kind = "AzurePodIdentityException"
	default:
		return "v1", "Pod"
	}
	return "aadpodidentity.k8s.io/v1", kind
}

func (a *fakeAPI) send(path, kind string, object map[string]any) {
	for watcher := range a.watchers {
		if watcher.path == path {
			watcher.tell(map[string]any{"type": kind, "object": object})
			continue
		}
		watcher.tell(a.bookmark(watcher.path))
	}
}

// bookmark says how far a watcher has come once it has what was sent to it before.
func (a *fakeAPI) bookmark(path string) map[string]any {
	apiVersion, kind := kindOf(path)
	return map[string]any{"type": "BOOKMARK", "object": map[string]any{
		"apiVersion": apiVersion, "kind": kind, "metadata": map[string]any{"resourceVersion": fmt.Sprint(a.version)},
	}}
}

func (a *fakeAPI) putPod(p *pod) {
	labels := map[string]any{"app": p.name}
	if p.label != "" {
		labels["aadpodidbinding"] = p.label
	}
	a.put("/api/v1/pods", p.uid, map[string]any{
		"metadata": map[string]any{
			"name": p.name, "namespace": "my-app", "uid": p.uid, "labels": labels,
			"creationTimestamp": time.Now().Add(a.youth).UTC().Format(time.RFC3339),
		},
		"spec":   map[string]any{"serviceAccountName": p.account, "nodeName": "node1"},
		"status": map[string]any{"phase": "Running", "podIP": p.address.String()}, // by which the predecessor tells pods
	})
}

// assign gives a pod an identity, in a state.
func (a *fakeAPI) assign(p *pod, i identity, state string) string {
	name := p.name + "-my-app-" + i.name
	a.put(assignmentsPath, name, map[string]any{
		"metadata": map[string]any{"name": name, "namespace": "default", "uid": "uid-" + name, "creationTimestamp": nil},
		"spec": map[string]any{
			"azureIdentityRef": map[string]any{
				"metadata": map[string]any{"name": i.name, "namespace": "my-app", "creationTimestamp": nil},
				"spec":     map[string]any{"type": 0, "resourceID": i.resourceID(), "clientID": i.clientID},
			},
			"azureBindingRef": map[string]any{"metadata": map[string]any{"name": "b"}, "spec": map[string]any{"azureIdentity": i.name, "selector": p.label}},
			"pod":             p.name, "podNamespace": "my-app", "nodename": "node1",
		},
		"status": map[string]any{"status": state},
	})
	return name
}

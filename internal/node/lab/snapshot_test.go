package lab_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/lanyard-project/lanyard/internal/seal"
)

// Property 29: an agent that starts while the API server is away serves those whom it may still know.
func TestRestartWithTheAPIServerAway(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"standard", "managed"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.metadata.attach(demo)
			folder := filepath.Join(w.folder, "run")
			arguments := []string{"--operation-mode=" + mode, "--snapshot-folder=" + folder}
			first := w.agent(arguments...)
			p, late := w.bound(mode)
			p.wantToken("", "demo")
			w.kept(folder, mode)
			first.kill()
			w.api.refuse(true)

			w.agent(arguments...)
			p.getsToken("demo")
			p.wantRefusal("&client_id="+other.clientID, 400, "Identity not found")
			late.getsToken("demo")
			for _, file := range []string{"snapshot", "key"} {
				content, err := os.ReadFile(filepath.Join(folder, file))
				if err != nil || bytes.Contains(content, []byte(demo.clientID)) {
					t.Errorf("%s: %v, or readable", file, err)
				}
			}
		})
	}
}

// What the API server has not confirmed for too long serves those who had it before, and nobody else.
func TestAPIServerAwayForTooLong(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"standard", "managed"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.metadata.attach(demo)
			w.agent("--operation-mode="+mode, "--snapshot-max-age=5s", "--requests-per-second=0")
			p, late := w.bound(mode)
			p.getsToken("demo")
			w.api.refuse(true)
			w.eventually("what is known is too old", func() bool { return w.metric("nmi_knowledge_age_seconds") > 5 })
			late.wantRefusal("", 503, "has not been heard for too long") // who wasn't served before
			p.wantToken("", "demo")                                      // who was, is
			w.api.refuse(false)
			late.getsToken("demo")
		})
	}
}

// bound makes two pods that may have the same identity.
func (w *world) bound(mode string) (web, late *pod) {
	w.t.Helper()
	if mode == "managed" {
		w.api.identify("my-app", "demo", demo)
		w.api.bind("my-app", "demo-binding", "demo", "web")
	}
	web, late = w.pod("web", "10.77.1.2", "web"), w.pod("late", "10.77.1.3", "web")
	if mode == "standard" {
		w.api.assign(web, demo, "Assigned")
		w.api.assign(late, demo, "Assigned")
	}
	return web, late
}

// kept waits until the agent's snapshot has what the API server has.
func (w *world) kept(folder, mode string) {
	w.t.Helper()
	w.eventually("the snapshot is written", func() bool {
		box, err := seal.Load(filepath.Join(folder, "key"))
		if err != nil {
			return false
		}
		sealed, err := os.ReadFile(filepath.Join(folder, "snapshot"))
		if err != nil {
			return false
		}
		plain, err := box.Open(sealed, "node node1 "+mode)
		if err != nil {
			return false
		}
		var content struct {
			Objects map[string]map[string]json.RawMessage `json:"objects"`
		}
		if err := json.Unmarshal(plain, &content); err != nil {
			w.t.Fatal(err)
		}
		for path, objects := range content.Objects {
			var uids []string
			for uid := range objects {
				uids = append(uids, uid)
			}
			if slices.Sort(uids); !slices.Equal(uids, w.api.uids(path)) {
				return false
			}
		}
		return len(content.Objects) >= 3
	})
}

// uids are those of a collection's objects.
func (a *fakeAPI) uids(path string) []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var uids []string
	for _, object := range a.objects[path] {
		uids = append(uids, object["metadata"].(map[string]any)["uid"].(string))
	}
	slices.Sort(uids)
	return uids
}

// metric gives one of the agent's metrics, or nothing while it can't be read.
func (w *world) metric(name string) float64 {
	w.t.Helper()
	_, body, err := fetch(w.node, nil, "http://127.0.0.1:9090/metrics")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(body) {
		text, found := strings.CutPrefix(line, name+" ")
		value, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
		if found && err == nil {
			return value
		}
	}
	w.t.Fatalf("the agent has no metric %s", name)
	return 0
}

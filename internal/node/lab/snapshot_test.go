package lab_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Property 29: an agent that starts while the API server is away serves those whom it may still know.
func TestRestartWithTheAPIServerAway(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"standard", "managed"} {
		t.Run(mode, func(t *testing.T) {
			w := newWorld(t)
			w.metadata.attach(demo)
			arguments := []string{"--operation-mode=" + mode, "--snapshot-folder=" + filepath.Join(w.folder, "run"), "--snapshot-max-age=4s", "--requests-per-second=0"}
			first := w.agent(arguments...)
			if mode == "managed" {
				w.api.identify("my-app", "demo", demo)
				w.api.bind("my-app", "demo-binding", "demo", "web")
			}
			p, late := w.pod("web", "10.77.1.2", "web"), w.pod("late", "10.77.1.3", "web")
			if mode == "standard" {
				w.api.assign(p, demo, "Assigned")
				w.api.assign(late, demo, "Assigned")
			}
			p.wantToken("", "demo")
			time.Sleep(1500 * time.Millisecond) // a snapshot is written each second in which something changes
			first.kill()
			w.api.refuse(true)

			w.agent(arguments...)
			w.eventually("a pod is served from the snapshot", func() bool {
				status, body, err := fetch(p.namespace, nil, tokenURL)
				return err == nil && status == 200 && whose(body) == "demo"
			})
			p.wantRefusal("&client_id="+other.clientID, 400, "Identity not found")

			time.Sleep(4 * time.Second) // now it is too old for who wasn't served before
			late.wantRefusal("", 503, "has not been heard for too long")
			p.wantToken("", "demo") // who was, is
			w.api.refuse(false)
			w.eventually("the API server is back", func() bool {
				status, _, err := fetch(late.namespace, nil, tokenURL)
				return err == nil && status == 200
			})
			for _, file := range []string{"snapshot", "key"} {
				content, err := os.ReadFile(filepath.Join(w.folder, "run", file))
				if err != nil || bytes.Contains(content, []byte(demo.clientID)) {
					t.Errorf("%s: %v, or readable", file, err)
				}
			}
		})
	}
}

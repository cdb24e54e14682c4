package registry_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	clocktesting "k8s.io/utils/clock/testing"
)

// newTidyRig is a registry on a clock that the test moves, with its admin user.
func newTidyRig(t *testing.T) (*rig, *clocktesting.FakeClock) {
	t.Helper()
	r := newRig(t)
	clk := clocktesting.NewFakeClock(time.Now())
	r.options.Clock = clk
	r.serve()
	r.registry(`"adminUserEnabled":true`)
	return r, clk
}

func (r *rig) layers(image v1.Image) []v1.Layer {
	r.Helper()
	layers, err := image.Layers()
	if err != nil {
		r.Fatal(err)
	}
	return layers
}

// upload begins an upload as the admin user and returns where it goes on.
func (r *rig) upload(repository string) string {
	r.Helper()
	response := r.part(http.MethodPost, "https://"+loginServer+"/v2/"+repository+"/blobs/uploads/", http.NoBody)
	return response.Header.Get("Location")
}

// part sends a part of an upload as the admin user.
func (r *rig) part(method, url string, body io.Reader) *http.Response {
	r.Helper()
	response, err := r.client.Do(r.request(method, url, body))
	if err != nil {
		r.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode/100 != 2 {
		r.Fatalf("%s %s: %s", method, url, response.Status)
	}
	return response
}

func (r *rig) request(method, url string, body io.Reader) *http.Request {
	r.Helper()
	request, err := http.NewRequestWithContext(r.Context(), method, url, body)
	if err != nil {
		r.Fatal(err)
	}
	config, err := r.admins().Authorization()
	if err != nil {
		r.Fatal(err)
	}
	request.SetBasicAuth(config.Username, config.Password)
	request.Header.Set("Content-Type", "application/octet-stream")
	return request
}

// TestWhoSendsKeepsTheCollectorWaiting: a layer must not go while somebody who may push
// is sending. A stranger's request holds nothing, however slowly he sends it; the library
// reads a form before it asks who sends it.
func TestWhoSendsKeepsTheCollectorWaiting(t *testing.T) {
	for name, pusher := range map[string]bool{"who may push": true, "a stranger": false} {
		t.Run(name, func(t *testing.T) {
			r, clk := newTidyRig(t)
			image := r.image(1000, 1)
			if err := r.push(r.admins(), "web:1", image); err != nil {
				t.Fatal(err)
			}
			r.remove(r.admins(), "web:1")
			at := r.upload("web")
			from, to := io.Pipe()
			request := r.request(http.MethodPatch, at, from)
			begin := make([]byte, 8<<20) // the server has asked who it is when it reads that much
			if !pusher {
				request.Header.Del("Authorization")
				request.Header.Set("Content-Type", "multipart/form-data; boundary=x")
				begin = []byte("--x\r\nContent-Disposition: form-data; name=\"f\"\r\n\r\n")
			}
			over := make(chan struct{})
			go func() {
				defer close(over)
				if response, err := r.client.Do(request); err == nil {
					response.Body.Close()
				}
				from.Close()
			}()
			defer func() { to.Close(); <-over }()
			if _, err := to.Write(begin); err != nil {
				t.Fatal(err)
			}
			r.tidy(clk, 2*time.Hour)
			if stays := r.layerFile(r.layers(image)[0]) != ""; stays != pusher {
				t.Errorf("the layer of a deleted image stays: %t, want %t", stays, pusher)
			}
		})
	}
}

// TestLayersWaitForALongOneOfTheirImage: an image's first layers were sent hours ago when
// its last one, which comes in parts, is there.
func TestLayersWaitForALongOneOfTheirImage(t *testing.T) {
	r, clk := newTidyRig(t)
	image := r.image(1000, 1)
	early := r.layers(image)[0]
	if err := remote.WriteLayer(r.tag("web:1").Context(), early, r.remote(r.admins())...); err != nil {
		t.Fatal(err)
	}
	elsewhere := r.layers(r.image(1000, 1))[0]
	if err := remote.WriteLayer(r.tag("other:1").Context(), elsewhere, r.remote(r.admins())...); err != nil {
		t.Fatal(err)
	}
	at := r.upload("web")
	for range 6 {
		at = r.part(http.MethodPatch, at, strings.NewReader("a part")).Header.Get("Location")
		r.tidy(clk, 50*time.Minute)
	}
	if r.layerFile(early) == "" {
		t.Error("a layer is gone while another one of its repository comes in")
	}
	if r.layerFile(elsewhere) != "" {
		t.Error("a layer of another repository stays as well")
	}
	if err := r.push(r.admins(), "web:1", image); err != nil {
		t.Fatal(err)
	}
	r.tidy(clk, 48*time.Hour)
	if err := r.pull(r.admins(), "web:1"); err != nil {
		t.Error(err)
	}
	left := r.layers(r.image(1000, 1))[0]
	if err := remote.WriteLayer(r.tag("web:1").Context(), left, r.remote(r.admins())...); err != nil {
		t.Fatal(err)
	}
	at = r.upload("web")
	for range 16 { // somebody is always pushing there
		at = r.part(http.MethodPatch, at, strings.NewReader("a part")).Header.Get("Location")
		r.tidy(clk, 50*time.Minute)
		clk.Step(50 * time.Minute)
	}
	if r.layerFile(left) != "" {
		t.Error("a layer that nobody named for a day stays")
	}
}

// TestOneUnreadableManifestKeepsItsRepositoryAlone: what it names isn't known, so all of
// its repository stays; it can be seen and deleted, and then the rest goes.
func TestOneUnreadableManifestKeepsItsRepositoryAlone(t *testing.T) {
	damage := map[string]func(*rig) string{
		"damaged on the disk": func(r *rig) string {
			image := r.image(1000, 1)
			if err := r.push(r.admins(), "broken:1", image); err != nil {
				r.Fatal(err)
			}
			d, err := image.Digest()
			if err != nil {
				r.Fatal(err)
			}
			found, err := filepath.Glob(filepath.Join(r.folder, "*", "docker/registry/v2/blobs", d.Algorithm, d.Hex[:2], d.Hex, "data"))
			if err != nil || len(found) != 1 {
				r.Fatal(found, err)
			}
			if err := os.WriteFile(found[0], []byte("{"), 0o600); err != nil {
				r.Fatal(err)
			}
			return d.String()
		},
		// The library takes it in, and panics when it reads it.
		"of two minds": func(r *rig) string {
			var manifest map[string]any
			raw, err := r.image(1000, 1).RawManifest()
			if err == nil {
				err = json.Unmarshal(raw, &manifest)
			}
			if err != nil {
				r.Fatal(err)
			}
			config := manifest["config"].(map[string]any)
			at := r.upload("broken")
			r.part(http.MethodPut, at+"&digest=sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", http.NoBody)
			config["digest"], config["size"], config["mediaType"] = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", 0, types.OCIConfigJSON
			text, err := json.Marshal(config)
			if err != nil {
				r.Fatal(err)
			}
			request := r.request(http.MethodPut, "https://"+loginServer+"/v2/broken/manifests/1", strings.NewReader(`{"schemaVersion":2,"manifests":"x","manifests":null,"config":`+string(text)+`,"layers":[]}`))
			request.Header.Set("Content-Type", string(types.OCIManifestSchema1))
			response, err := r.client.Do(request)
			if err != nil {
				r.Fatal(err)
			}
			response.Body.Close()
			if response.StatusCode != http.StatusCreated {
				r.Fatalf("the manifest: %s", response.Status)
			}
			return response.Header.Get("Docker-Content-Digest")
		},
	}
	for name, damaged := range damage {
		t.Run(name, func(t *testing.T) {
			r, clk := newTidyRig(t)
			var said bytes.Buffer
			r.options.Log = slog.New(slog.NewTextHandler(&said, nil))
			r.serve()
			digest := damaged(r)
			beside, elsewhere := r.image(1000, 1), r.image(1000, 1)
			for tag, image := range map[string]v1.Image{"broken:2": beside, "web:1": elsewhere} {
				if err := r.push(r.admins(), tag, image); err != nil {
					t.Fatal(err)
				}
				r.remove(r.admins(), tag)
			}
			r.tidy(clk, 2*time.Hour)
			if r.layerFile(r.layers(elsewhere)[0]) != "" {
				t.Error("a layer of another repository stays")
			}
			if r.layerFile(r.layers(beside)[0]) == "" {
				t.Error("a layer is gone that the manifest may name")
			}
			if !strings.Contains(said.String(), digest) || !strings.Contains(said.String(), "repository=broken") {
				t.Errorf("the log doesn't tell which manifest it is:\n%s", said.String())
			}
			if status, out, _ := r.acr(r.admins(), http.MethodGet, "/acr/v1/broken/_manifests"); status != http.StatusOK || len(out["manifests"].([]any)) != 1 {
				t.Errorf("manifests of the repository: %d %v", status, out)
			}
			r.part(http.MethodDelete, "https://"+loginServer+"/v2/broken/manifests/"+digest, http.NoBody)
			r.tidy(clk, 25*time.Hour)
			if r.layerFile(r.layers(beside)[0]) != "" {
				t.Error("a layer stays although the manifest is gone")
			}
		})
	}
}

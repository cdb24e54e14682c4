package registry_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// TestPartsOfLayers: clients that go on with a pull, or make it of several parts at a time,
// ask for parts; what the library says of a layer is said of it by us, too.
func TestPartsOfLayers(t *testing.T) {
	r := newRig(t)
	r.registry("")
	content := []byte("0123456789")
	layer := static.NewLayer(content, types.OCIUncompressedLayer)
	repository := r.tag("team/web:1").Repository
	if err := remote.WriteLayer(repository, layer, r.remote(r.as(r.admin.ObjectID))...); err != nil {
		t.Fatal(err)
	}
	digest, err := layer.Digest()
	if err != nil {
		t.Fatal(err)
	}
	signed, err := transport.NewWithContext(t.Context(), repository.Registry, r.as(r.principal(acrPull)), r.client.Transport, []string{repository.Scope(transport.PullScope)})
	if err != nil {
		t.Fatal(err)
	}
	get := func(by http.RoundTripper, method, digest string, headers ...string) (*http.Response, string) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), method, "https://"+loginServer+"/v2/team/web/blobs/"+digest, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i+1 < len(headers); i += 2 {
			request.Header.Set(headers[i], headers[i+1])
		}
		response, err := (&http.Client{Transport: by}).Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatalf("%s %v: %v", method, headers, err)
		}
		return response, string(body)
	}
	for _, one := range []struct {
		method  string
		headers []string
		status  int
		body    string
		promise string // Content-Range
	}{
		{"GET", nil, 200, "0123456789", ""},
		{"HEAD", nil, 200, "", ""},
		{"GET", []string{"Range", "bytes=0-"}, 206, "0123456789", "bytes 0-9/10"},
		{"GET", []string{"Range", "bytes=4-6"}, 206, "456", "bytes 4-6/10"},
		{"GET", []string{"Range", "bytes=-2"}, 206, "89", "bytes 8-9/10"},
		{"GET", []string{"Range", "bytes=10-"}, 416, "invalid range: failed to overlap\n", "bytes */10"},
		{"GET", []string{"If-None-Match", fmt.Sprintf("%q", digest)}, 304, "", ""},
	} {
		response, body := get(signed, one.method, digest.String(), one.headers...)
		if response.StatusCode != one.status || body != one.body || response.Header.Get("Content-Range") != one.promise {
			t.Errorf("%s %v: %d %q, Content-Range %q; want %d %q, %q", one.method, one.headers, response.StatusCode, body, response.Header.Get("Content-Range"), one.status, one.body, one.promise)
		}
		if one.status < 300 && response.Header.Get("Docker-Content-Digest") != digest.String() {
			t.Errorf("%s %v: digest %q", one.method, one.headers, response.Header.Get("Docker-Content-Digest"))
		}
	}
	if response, body := get(signed, "GET", digest.String(), "Range", "bytes=0-1,8-9"); response.StatusCode != 206 || !bytes.Contains([]byte(body), []byte("89")) {
		t.Errorf("several parts: %d %q", response.StatusCode, body)
	}

	refused := func(by http.RoundTripper, digest string, status int, code string) {
		t.Helper()
		response, body := get(by, "GET", digest)
		var said struct{ Errors []struct{ Code string } }
		if err := json.Unmarshal([]byte(body), &said); err != nil || response.StatusCode != status || len(said.Errors) != 1 || said.Errors[0].Code != code {
			t.Errorf("%d %q (%v), want %d %s", response.StatusCode, body, err, status, code)
		}
		if h := response.Header; h.Get("X-Ms-Request-Id") == "" || h.Get("Etag")+h.Get("Content-Range")+h.Get("Docker-Content-Digest") != "" {
			t.Errorf("%s: headers %v, want the request's name and nothing of a layer", code, h)
		}
	}
	refused(r.client.Transport, digest.String(), 401, "UNAUTHORIZED")
	refused(signed, "sha256:"+fmt.Sprintf("%064d", 0), 404, "BLOB_UNKNOWN")
	refused(signed, "sha256:short", 400, "DIGEST_INVALID")
	files, err := filepath.Glob(filepath.Join(r.folder, "*", "docker", "registry", "v2", "blobs", "sha256", digest.Hex[:2], digest.Hex, "data"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	if err := os.Remove(files[0]); err != nil {
		t.Fatal(err)
	}
	refused(signed, digest.String(), 404, "BLOB_UNKNOWN")
}

package azextension_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/lanyard-project/lanyard/internal/azextension"
)

const origin = "https://cloud.example:8443"

func get(t *testing.T, url string) *httptest.ResponseRecorder {
	t.Helper()
	handler, err := azextension.Handler(origin)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, url, nil))
	return w
}

// TestIndexLeadsToTheWheel follows az: the index, the download, the digest.
func TestIndexLeadsToTheWheel(t *testing.T) {
	var index struct {
		FormatVersion string
		Extensions    map[string][]struct{ DownloadURL, Filename, Sha256Digest string }
	}
	if err := json.Unmarshal(get(t, "/extensions/index.json").Body.Bytes(), &index); err != nil {
		t.Fatal(err)
	}
	entry := index.Extensions["aks-preview"][0]
	if index.FormatVersion != "1" || entry.DownloadURL != origin+"/extensions/"+entry.Filename {
		t.Fatalf("the index is %+v", index)
	}
	content := get(t, entry.DownloadURL).Body.Bytes()
	if sum := sha256.Sum256(content); hex.EncodeToString(sum[:]) != entry.Sha256Digest {
		t.Error("the wheel isn't what the index says")
	}
	if !bytes.Equal(content, get(t, entry.DownloadURL).Body.Bytes()) {
		t.Error("another start makes another wheel")
	}
}

// TestRecordHoldsEveryFile is what pip looks at.
func TestRecordHoldsEveryFile(t *testing.T) {
	content := get(t, "/extensions/aks_preview-0.5.200-py3-none-any.whl").Body.Bytes()
	archive, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, f := range archive.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if files[f.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
	record, err := csv.NewReader(bytes.NewReader(files["aks_preview-0.5.200.dist-info/RECORD"])).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(record) != len(files) {
		t.Errorf("%d files, and RECORD has %d", len(files), len(record))
	}
	for _, row := range record {
		if strings.HasSuffix(row[0], "/RECORD") {
			continue
		}
		if sum := sha256.Sum256(files[row[0]]); row[1] != "sha256="+base64.RawURLEncoding.EncodeToString(sum[:]) {
			t.Errorf("%s has another digest than RECORD says", row[0])
		}
	}
	for _, file := range []string{"__init__.py", "azext_metadata.json"} {
		if files["azext_aks_preview/"+file] == nil {
			t.Errorf("az wants %s", file)
		}
	}
}

func TestOtherPathsAreNotThere(t *testing.T) {
	if got := get(t, "/extensions/other.whl").Code; got != http.StatusNotFound {
		t.Errorf("status %d", got)
	}
}

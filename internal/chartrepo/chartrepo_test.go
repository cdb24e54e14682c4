package chartrepo_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/lanyard-project/lanyard/internal/chartrepo"
)

// Helm itself takes the chart from the repository, by seed 001's two commands but for the address and the cluster.
func TestHelmInstallsFromTheRepository(t *testing.T) {
	handler, err := chartrepo.Handler()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.StripPrefix("/charts", handler))
	defer server.Close()
	program, err := filepath.Abs("../../build/tools/helm")
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	helm := func(args ...string) string {
		t.Helper()
		command := exec.CommandContext(t.Context(), program, args...)
		command.Env = append(os.Environ(), "HELM_CONFIG_HOME="+home, "HELM_CACHE_HOME="+home, "HELM_DATA_HOME="+home)
		out, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("helm %s (from make tools): %v: %s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	helm("repo", "add", "aad-pod-identity", server.URL+"/charts")
	direct := helm("template", "aad-pod-identity", "../../charts/lanyard", "--kube-version", "1.34.0", "--include-crds")
	for _, name := range []string{"lanyard", "aad-pod-identity"} {
		if got := helm("template", "aad-pod-identity", "aad-pod-identity/"+name, "--kube-version", "1.34.0", "--include-crds"); got != direct {
			t.Errorf("the chart %s from the repository renders otherwise than the one of the source tree", name)
		}
	}
	if got := helm("search", "repo", "aad-pod-identity/"); strings.Count(got, "0.1.0") < 2 {
		t.Errorf("helm finds:\n%s", got)
	}
}

func TestOtherPathsAreNotThere(t *testing.T) {
	handler, err := chartrepo.Handler()
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{"/charts/index.yaml": http.StatusOK, "/charts/lanyard-9.9.9.tgz": http.StatusNotFound, "/charts": http.StatusNotFound} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		if w.Code != want {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPut, "/charts/index.yaml", nil))
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("PUT: %d", w.Code)
	}
}

func TestPackingIsRepeatable(t *testing.T) {
	first, _, err := chartrepo.Lanyard("")
	if err != nil {
		t.Fatal(err)
	}
	if second, _, err := chartrepo.Lanyard(""); err != nil || !bytes.Equal(first.Data, second.Data) {
		t.Errorf("the same files make another archive: %v", err)
	}
}

func TestFoldersThatAreNoChart(t *testing.T) {
	for name, test := range map[string]struct{ about, want string }{
		"nothing there": {"", "reading chart c"},
		"not YAML":      {"a: b: c", "reading chart c"},
		"no version":    {"apiVersion: v2\nname: c\n", "version"},
		"other name":    {"apiVersion: v2\nname: d\nversion: 1.0.0\n", "in a folder c"},
	} {
		files := fstest.MapFS{}
		if test.about != "" {
			files["c/Chart.yaml"] = &fstest.MapFile{Data: []byte(test.about)}
		}
		if _, err := chartrepo.Pack(files, "c"); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

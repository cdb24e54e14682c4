package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestManifestsAreTheChart(t *testing.T) {
	for _, m := range all() {
		want, err := m.text()
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join("..", "..", "deploy", m.file))
		if err != nil {
			t.Errorf("%v: run make generate", err)
			continue
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("deploy/%s isn't what the chart renders: run make generate (-chart +deploy):\n%s", m.file, diff)
		}
		if strings.Contains(string(got), "Helm\n") {
			t.Errorf("deploy/%s says that Helm made it", m.file)
		}
	}
}

// The published repository is the one that lanyardd serves, with addresses where it is told its own.
func TestRepository(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "charts")
	for base, want := range map[string]string{"": "- lanyard-0.1.0.tgz\n", "https://charts.example/lanyard": "- https://charts.example/lanyard/lanyard-0.1.0.tgz\n"} {
		args := []string{"repository", folder}
		if base != "" {
			args = append(args, base)
		}
		if err := run(args); err != nil {
			t.Fatal(err)
		}
		index, err := os.ReadFile(filepath.Join(folder, "index.yaml"))
		if err != nil || strings.Count(string(index), want) != 2 {
			t.Errorf("%v, the index says\n%s", err, index)
		}
		if _, err := os.Stat(filepath.Join(folder, "lanyard-0.1.0.tgz")); err != nil {
			t.Error(err)
		}
	}
	if err := run(nil); err == nil {
		t.Error("nothing to do is no error")
	}
}

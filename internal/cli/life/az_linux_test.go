package life

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestProfilesOfAzGoWithTheirCloud(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"az-3f1c", "az-77aa", "data"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "az-3f1c", "service_principal_entries.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, there := range []string{dir, filepath.Join(dir, "never made")} {
		if err := removeProfiles(there); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, e := range entries {
		left = append(left, e.Name())
	}
	if diff := cmp.Diff([]string{"data"}, left); diff != "" {
		t.Error(diff)
	}
}

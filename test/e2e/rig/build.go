package rig

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Built makes a program of somebody else that only one test needs, from its Go module, and gives its file. The first time takes
// minutes.
func Built(t testing.TB, name string) string {
	t.Helper()
	root := sourceTree(t)
	build := exec.CommandContext(t.Context(), "go", "run", "./cmd/build", name)
	build.Dir, build.Env = filepath.Join(root, "tools"), append(os.Environ(), "GOFLAGS=")
	build.Stderr = os.Stderr // progress
	if err := build.Run(); err != nil {
		t.Fatalf("building %s: %v", name, err)
	}
	return filepath.Join(root, "build", "e2e", name)
}

// GoModule is a release of a module, unpacked.
type GoModule struct{ Version, Dir string }

// Module gives the release of a module that the go.mod of a folder asks for.
func Module(t testing.TB, folder, path string) GoModule {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "mod", "download", "-json", path)
	list.Dir, list.Env = filepath.Join(sourceTree(t), folder), append(os.Environ(), "GOFLAGS=")
	var out, complaint bytes.Buffer
	list.Stdout, list.Stderr = &out, &complaint
	var module GoModule
	if err := list.Run(); err != nil {
		t.Fatalf("fetching %s: %v\n%s%s", path, err, out.String(), complaint.String())
	}
	if err := json.Unmarshal(out.Bytes(), &module); err != nil {
		t.Fatalf("reading about %s: %v", path, err)
	}
	return module
}

// Simulator is KWOK, built where it isn't there.
func Simulator(t testing.TB) string {
	t.Helper()
	Built(t, "kwok")
	return filepath.Join(sourceTree(t), "build", "tools", "kwok")
}

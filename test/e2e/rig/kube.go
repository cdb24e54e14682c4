package rig

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Kube is a folder of the programs of one release of Kubernetes.
type Kube struct {
	Folder  string
	Version string // without "v"
}

// PreviousKube is the release of Kubernetes before today's, and today's. The former is built on demand only.
func PreviousKube(t testing.TB) (before, now Kube) {
	t.Helper()
	build := filepath.Join(sourceTree(t), "build")
	release := func(folder string) Kube {
		program := filepath.Join(build, folder, "kube-apiserver")
		out, err := exec.CommandContext(t.Context(), program, "--version").Output()
		if err != nil {
			t.Fatalf("asking %s for its version: %v: build it with make %s", program, err, folder)
		}
		return Kube{Folder: filepath.Join(build, folder), Version: strings.TrimPrefix(strings.TrimSpace(string(out)), "Kubernetes v")}
	}
	return release("kube-previous"), release("kube")
}

package main

import (
	"os"
	"path/filepath"
	"testing"
)

func write(t *testing.T, file, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestStampChangesWithWhatDecidesTheProgram(t *testing.T) {
	base := recipe{name: "p", out: "kube/p", dir: "kube", pkg: "./cmd/p", tags: "x"}
	tests := []struct {
		name   string
		change func(t *testing.T, root string, r *recipe)
		want   bool // another stamp
	}{
		{"nothing", func(*testing.T, string, *recipe) {}, false},
		{"source", func(t *testing.T, root string, _ *recipe) { write(t, root+"/kube/cmd/p/main.go", "package other") }, true},
		{"new source", func(t *testing.T, root string, _ *recipe) { write(t, root+"/kube/cmd/p/more.go", "package main") }, true},
		{"go.mod", func(t *testing.T, root string, _ *recipe) { write(t, root+"/kube/go.mod", "module y") }, true},
		{"go.sum", func(t *testing.T, root string, _ *recipe) { write(t, root+"/kube/go.sum", "z h1:=") }, true},
		{"another modfile", func(_ *testing.T, _ string, r *recipe) { r.modfile = "previous.mod" }, true},
		{"tags", func(_ *testing.T, _ string, r *recipe) { r.tags = "y" }, true},
		{"cgo", func(_ *testing.T, _ string, r *recipe) { r.c = []clib{} }, true},
		{"a test", func(t *testing.T, root string, _ *recipe) { write(t, root+"/kube/cmd/p/main_test.go", "package main") }, false},
		{"a nested module", func(t *testing.T, root string, _ *recipe) { write(t, root+"/kube/cni/go.mod", "module n") }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := t.TempDir()
			write(t, root+"/kube/go.mod", "module x")
			write(t, root+"/kube/cmd/p/main.go", "package main")
			before, err := stamp(t.Context(), root, base)
			if err != nil {
				t.Fatal(err)
			}
			r := base
			tt.change(t, root, &r)
			after, err := stamp(t.Context(), root, r)
			if err != nil {
				t.Fatal(err)
			}
			if (before != after) != tt.want {
				t.Errorf("stamp changed: %v, want %v", before != after, tt.want)
			}
		})
	}
}

func TestFreshNeedsProgramLinksAndStamp(t *testing.T) {
	r := recipe{name: "p", out: "kube/p", links: []string{"q"}}
	build := t.TempDir()
	write(t, filepath.Join(build, r.out), "program")
	write(t, stampFile(build, r), "s")
	if fresh(build, r, "s") {
		t.Error("fresh without the link")
	}
	if err := symlink("p", filepath.Join(build, "kube/q")); err != nil {
		t.Fatal(err)
	}
	if !fresh(build, r, "s") {
		t.Error("not fresh with everything in place")
	}
	if fresh(build, r, "other") {
		t.Error("fresh with another stamp")
	}
	if err := os.Remove(filepath.Join(build, r.out)); err != nil {
		t.Fatal(err)
	}
	if fresh(build, r, "s") {
		t.Error("fresh without the program")
	}
}

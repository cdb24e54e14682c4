package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// stamp sums up everything that decides the program's content. The program is
// up to date while the stamp written beside it says the same.
//
// The sources of the modules it requires need no look: go.sum names them.
func stamp(ctx context.Context, root string, r recipe) (string, error) {
	h := sha256.New()
	// The driver is compiled by the Go release that will compile the program.
	fmt.Fprintln(h, runtime.Version(), runtime.GOARCH)
	// With an arbitrary release: the true one follows from go.mod.
	fmt.Fprintf(h, "%q %q %q %q\n", r.pkg, r.links, r.env(), r.flags(release{version: "v0.0.0", time: time.Unix(0, 0)}))
	for _, lib := range r.c {
		version, err := exec.CommandContext(ctx, "pkg-config", "--modversion", lib.name).Output()
		if err != nil {
			return "", fmt.Errorf("asking pkg-config for %s: %w", lib.name, err)
		}
		fmt.Fprintf(h, "%s %s\n", lib.name, version)
	}
	if err := addModule(h, filepath.Join(root, r.dir), r.modfile); err != nil {
		return "", fmt.Errorf("reading the sources of %s: %w", r.name, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// addModule writes the module's own files to w, without tests and without the
// modules nested in it. With another modfile, that takes go.mod's place.
func addModule(w io.Writer, dir, modfile string) error {
	requirements := cmp.Or(modfile, "go.mod")
	sums := strings.TrimSuffix(requirements, ".mod") + ".sum"
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if path == dir {
				return nil
			}
			_, err := os.Stat(filepath.Join(path, "go.mod"))
			if err == nil {
				return filepath.SkipDir
			}
			return nil
		}
		source := strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go")
		if !source && name != requirements && name != sums {
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, "%s %d\n%s", rel, len(content), content)
		return err
	})
}

// stampFile is where the stamp of a recipe is kept.
func stampFile(build string, r recipe) string {
	return filepath.Join(build, ".stamps", r.name)
}

// fresh tells whether the program and its links are there and carry the stamp.
func fresh(build string, r recipe, want string) bool {
	got, err := os.ReadFile(stampFile(build, r))
	if err != nil || string(got) != want {
		return false
	}
	out := filepath.Join(build, r.out)
	if _, err := os.Stat(out); err != nil {
		return false
	}
	for _, link := range r.links {
		to, err := os.Readlink(filepath.Join(filepath.Dir(out), link))
		if err != nil || to != filepath.Base(out) {
			return false
		}
	}
	return true
}

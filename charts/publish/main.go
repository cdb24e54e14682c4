package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/lanyard-project/lanyard/internal/chartrepo"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "publish:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 2 && args[0] == "manifests":
		return manifests(args[1])
	case len(args) == 2 && args[0] == "repository":
		return repository(args[1], "")
	case len(args) == 3 && args[0] == "repository":
		return repository(args[1], strings.TrimSuffix(args[2], "/")+"/")
	case len(args) == 4 && args[0] == "images":
		return packImages(args[1], args[2], args[3])
	}
	return errors.New("usage: publish repository FOLDER [URL], publish manifests FOLDER, or publish images FOLDER PROGRAMS REPOSITORY")
}

// repository adds to what is there; earlier versions' archives stay, but the index leads to this one alone.
func repository(folder, base string) error {
	archive, index, err := chartrepo.Lanyard(base)
	if err != nil {
		return err
	}
	return errors.Join(
		os.MkdirAll(folder, 0o755),
		os.WriteFile(filepath.Join(folder, archive.File), archive.Data, 0o644), //nolint:gosec // for everybody
		os.WriteFile(filepath.Join(folder, "index.yaml"), index, 0o644),        //nolint:gosec // for everybody
	)
}

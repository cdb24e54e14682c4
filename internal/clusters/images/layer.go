package images

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"time"
)

// madeAt is the time of everything in an image.
func madeAt() time.Time { return time.Unix(0, 0).UTC() }

// mountPoints are folders that the container runtime and the kubelet mount
// over. With a read-only root they can't be made later.
func mountPoints() []string {
	return []string{"dev", "etc", "proc", "run", "sys", "tmp", "var", "var/run"}
}

// layer packs the image's files into an uncompressed tar, and says for which
// processor its program is.
func (i Image) layer() (content []byte, architecture string, err error) {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, dir := range i.folders() {
		header := tar.Header{Typeflag: tar.TypeDir, Name: dir + "/", Mode: 0o755, ModTime: madeAt()}
		if dir == "tmp" {
			header.Mode = 0o1777
		}
		if err := w.WriteHeader(&header); err != nil {
			return nil, "", fmt.Errorf("packing the folder %s: %w", dir, err)
		}
	}
	for _, f := range i.Files {
		content, err := f.read()
		if err != nil {
			return nil, "", fmt.Errorf("packing %s: %w", f.Path, err)
		}
		if f.Path == i.Entrypoint[0] {
			if architecture, err = standsAlone(content); err != nil {
				return nil, "", fmt.Errorf("packing %s: %w", f.Path, err)
			}
		}
		if err := add(w, f, content); err != nil {
			return nil, "", fmt.Errorf("packing %s: %w", f.Path, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, "", fmt.Errorf("closing the layer: %w", err)
	}
	return buf.Bytes(), architecture, nil
}

// folders are the mount points and the folders of all files, parents first.
func (i Image) folders() []string {
	dirs := mountPoints()
	for _, f := range i.Files {
		for dir := path.Dir(f.Path); dir != "/"; dir = path.Dir(dir) {
			dirs = append(dirs, strings.TrimPrefix(dir, "/"))
		}
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}

func (f File) read() ([]byte, error) {
	if f.Source == "" {
		return f.Content, nil
	}
	return os.ReadFile(f.Source)
}

func add(w *tar.Writer, f File, content []byte) error {
	mode := f.Mode
	if mode == 0 {
		mode = 0o644
	}
	header := tar.Header{
		Typeflag: tar.TypeReg, Name: strings.TrimPrefix(f.Path, "/"),
		Mode: int64(mode.Perm()), Size: int64(len(content)), ModTime: madeAt(),
	}
	if err := w.WriteHeader(&header); err != nil {
		return err
	}
	_, err := w.Write(content)
	return err
}

// standsAlone refuses a program that needs a loader: the image has none, and
// the kernel's message for that is "no such file or directory". It says for which
// processor the program is.
func standsAlone(program []byte) (architecture string, err error) {
	file, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		return "", fmt.Errorf("reading the program: %w", err)
	}
	for _, p := range file.Progs {
		if p.Type == elf.PT_INTERP {
			return "", errors.New("the program is linked dynamically, build it with CGO_ENABLED=0")
		}
	}
	switch file.Machine {
	case elf.EM_X86_64:
		return "amd64", nil
	case elf.EM_AARCH64:
		return "arm64", nil
	default:
		return "", fmt.Errorf("the program is for %s, and there are nodes with amd64 and arm64 only", file.Machine)
	}
}

package images

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

const demoRef = "mcr.microsoft.com/oss/azure/aad-pod-identity/demo:v1.6.3"

// program is the smallest file that the kernel takes for a program, with one
// program header of the type.
func program(t *testing.T, header uint32) []byte {
	t.Helper()
	var buf bytes.Buffer
	ident := [16]byte{0x7f, 'E', 'L', 'F', 2, 1, 1}
	for _, part := range []any{
		ident, uint16(2), uint16(62), uint32(1), // executable, x86-64
		uint64(0), uint64(64), uint64(0), uint32(0), // program headers follow at 64
		uint16(64), uint16(56), uint16(1), uint16(64), uint16(0), uint16(0),
		header, uint32(5), [6]uint64{},
	} {
		if err := binary.Write(&buf, binary.LittleEndian, part); err != nil {
			t.Fatal(err)
		}
	}
	return buf.Bytes()
}

const (
	load   = 1 // PT_LOAD
	interp = 3 // PT_INTERP
)

func demo(t *testing.T) Image {
	t.Helper()
	source := filepath.Join(t.TempDir(), "demo")
	if err := os.WriteFile(source, program(t, load), 0o700); err != nil {
		t.Fatal(err)
	}
	image := Program(demoRef, source)
	image.Files = append(image.Files, Certificates([]byte("PEM")))
	image.Env = append(image.Env, "A=b")
	image.User = "65532:65532"
	image.Labels = map[string]string{"x": "1", "y": "2"}
	return image
}

func TestPackedImageIsWhatWasDescribed(t *testing.T) {
	archive := filepath.Join(t.TempDir(), "demo.tar")
	id, err := PackFile(archive, demo(t))
	if err != nil {
		t.Fatal(err)
	}
	tag, err := name.NewTag(demoRef)
	if err != nil {
		t.Fatal(err)
	}
	image, err := tarball.ImageFromPath(archive, &tag)
	if err != nil {
		t.Fatal(err)
	}
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	want := v1.Config{
		Entrypoint: []string{"/demo"},
		Env:        []string{"PATH=/", "A=b"},
		User:       "65532:65532",
		Labels:     map[string]string{"x": "1", "y": "2"},
		WorkingDir: "/",
	}
	if diff := cmp.Diff(want, config.Config); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
	if got, err := image.ConfigName(); err != nil || got.String() != id {
		t.Errorf("ID = %s, archive says %s (%v)", id, got, err)
	}
	wantFiles := map[string]string{
		"dev/": "drwxr-xr-x", "etc/": "drwxr-xr-x", "etc/ssl/": "drwxr-xr-x", "etc/ssl/certs/": "drwxr-xr-x",
		"proc/": "drwxr-xr-x", "run/": "drwxr-xr-x", "sys/": "drwxr-xr-x", "tmp/": "dtrwxrwxrwx",
		"var/": "drwxr-xr-x", "var/run/": "drwxr-xr-x",
		"demo": "-rwxr-xr-x", "etc/ssl/certs/ca-certificates.crt": "-rw-r--r--",
	}
	if diff := cmp.Diff(wantFiles, files(t, image)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

// files lists the names and modes in the image, and checks every time.
func files(t *testing.T, image v1.Image) map[string]string {
	t.Helper()
	layers, err := image.Layers()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, layer := range layers {
		content, err := layer.Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		for r := tar.NewReader(content); ; {
			header, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if !header.ModTime.Equal(madeAt()) {
				t.Errorf("%s is of %s", header.Name, header.ModTime)
			}
			found[header.Name] = header.FileInfo().Mode().String()
		}
	}
	return found
}

func TestSameInputGivesSameBytes(t *testing.T) {
	image := demo(t)
	var first, second bytes.Buffer
	id, err := Pack(&first, image)
	if err != nil {
		t.Fatal(err)
	}
	// Neither the source's time nor its mode is part of the description.
	if err := os.Chtimes(image.Files[0].Source, time.Time{}, time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(image.Files[0].Source, 0o644); err != nil {
		t.Fatal(err)
	}
	again, err := Pack(&second, image)
	if err != nil {
		t.Fatal(err)
	}
	if id != again || !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Errorf("packed twice: %s and %s, equal bytes: %v", id, again, bytes.Equal(first.Bytes(), second.Bytes()))
	}
	image.Env = append(image.Env, "B=c")
	if other, err := Pack(io.Discard, image); err != nil || other == id {
		t.Errorf("another environment has the ID %s too (%v)", other, err)
	}
}

func TestPackFileTouchesOnlyWhatChanges(t *testing.T) {
	image := demo(t)
	archive := filepath.Join(t.TempDir(), "demo.tar")
	if _, err := PackFile(archive, image); err != nil {
		t.Fatal(err)
	}
	long := time.Unix(1000, 0)
	if err := os.Chtimes(archive, long, long); err != nil {
		t.Fatal(err)
	}
	modified := func() time.Time {
		t.Helper()
		info, err := os.Stat(archive)
		if err != nil {
			t.Fatal(err)
		}
		return info.ModTime()
	}
	if _, err := PackFile(archive, image); err != nil {
		t.Fatal(err)
	}
	if !modified().Equal(long) {
		t.Error("an unchanged archive was written again")
	}
	image.Labels["x"] = "3"
	if _, err := PackFile(archive, image); err != nil {
		t.Fatal(err)
	}
	if modified().Equal(long) {
		t.Error("a changed archive was left as it was")
	}
	if left, err := os.ReadDir(filepath.Dir(archive)); err != nil || len(left) != 1 {
		t.Errorf("folder holds %v (%v), want the archive alone", left, err)
	}
}

func TestPackRefuses(t *testing.T) {
	tests := []struct {
		name   string
		change func(t *testing.T, i *Image)
		want   string
	}{
		{"no tag", func(_ *testing.T, i *Image) { i.Ref = "mcr.microsoft.com/demo" }, "image name"},
		{"no registry", func(_ *testing.T, i *Image) { i.Ref = "demo:1" }, "image name"},
		{"no entrypoint", func(_ *testing.T, i *Image) { i.Entrypoint = nil }, "no entrypoint"},
		{"entrypoint elsewhere", func(_ *testing.T, i *Image) { i.Entrypoint = []string{"/bin/sh"} }, "isn't one of"},
		{"relative path", func(_ *testing.T, i *Image) { i.Files[1].Path = "etc/x" }, "clean absolute path"},
		{"path that climbs", func(_ *testing.T, i *Image) { i.Files[1].Path = "/etc/../../x" }, "clean absolute path"},
		{"file twice", func(_ *testing.T, i *Image) { i.Files[1].Path = "/demo" }, "twice"},
		{"missing program", func(_ *testing.T, i *Image) { i.Files[0].Source += "x" }, "no such file"},
		{"dynamic program", func(t *testing.T, i *Image) {
			i.Files[0] = File{Path: "/demo", Content: program(t, interp)}
		}, "linked dynamically"},
		{"script", func(_ *testing.T, i *Image) {
			i.Files[0] = File{Path: "/demo", Content: []byte("#!/bin/sh\n")}
		}, "reading the program"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			image := demo(t)
			tt.change(t, &image)
			archive := filepath.Join(t.TempDir(), "demo.tar")
			_, err := PackFile(archive, image)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error = %v, want one about %q", err, tt.want)
			}
			if _, err := os.Stat(archive); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("an archive was left: %v", err)
			}
		})
	}
}

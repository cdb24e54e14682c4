package images

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/v1/layout"
)

// A node takes of an index the image that is for its processor, so the index has to say what the programs are.
func TestIndexHasAnImageForEachProcessor(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "built", "demo")
	first, err := PackIndex(folder, []Image{demoFor(t, x86), demoFor(t, aarch)})
	if err != nil {
		t.Fatal(err)
	}
	again, err := PackIndex(folder, []Image{demoFor(t, x86), demoFor(t, aarch)})
	if err != nil || again != first {
		t.Errorf("packed again it is %s, not %s (%v)", again, first, err)
	}

	top, err := layout.ImageIndexFromPath(folder)
	if err != nil {
		t.Fatal(err)
	}
	named, err := top.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if len(named.Manifests) != 1 || named.Manifests[0].Digest.String() != first || named.Manifests[0].Annotations["org.opencontainers.image.ref.name"] != demoRef {
		t.Fatalf("the folder has %+v", named.Manifests)
	}
	index, err := top.ImageIndex(named.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var platforms []string
	for _, m := range manifest.Manifests {
		image, err := index.Image(m.Digest)
		if err != nil {
			t.Fatal(err)
		}
		config, err := image.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		if config.Architecture != m.Platform.Architecture {
			t.Errorf("the index says %s of an image for %s", m.Platform.Architecture, config.Architecture)
		}
		platforms = append(platforms, m.Platform.OS+"/"+m.Platform.Architecture)
	}
	if diff := cmp.Diff([]string{"linux/amd64", "linux/arm64"}, platforms); diff != "" {
		t.Errorf("platforms (-want +got):\n%s", diff)
	}
}

func TestIndexThatLeavesAChoiceIsRefused(t *testing.T) {
	other := demoFor(t, aarch)
	other.Ref = strings.Replace(demoRef, "demo", "other", 1)
	for name, variants := range map[string][]Image{
		"two for one processor":   {demoFor(t, x86), demoFor(t, x86)},
		"two names":               {demoFor(t, x86), other},
		"a processor of no nodes": {demoFor(t, riscv)},
	} {
		if _, err := PackIndex(filepath.Join(t.TempDir(), "x"), variants); err == nil {
			t.Errorf("%s: packed", name)
		}
	}
}

// Numbers of processors in ELF headers.
const (
	x86   = 62
	aarch = 183
	riscv = 243
)

func demoFor(t *testing.T, machine uint16) Image {
	t.Helper()
	content := program(t, load)
	var number bytes.Buffer
	if err := binary.Write(&number, binary.LittleEndian, machine); err != nil {
		t.Fatal(err)
	}
	copy(content[18:], number.Bytes())
	source := filepath.Join(t.TempDir(), "demo")
	if err := os.WriteFile(source, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return Program(demoRef, source)
}

package images

import (
	"fmt"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

// PackIndex makes a folder with one image for several processors, in the OCI
// image layout that tools push to registries: the same reference, the same files
// but for the programs, whose ELF headers say which processor each is for.
func PackIndex(folder string, variants []Image) (digest string, err error) {
	all := mutate.IndexMediaType(empty.Index, "application/vnd.oci.image.index.v1+json")
	seen := map[string]bool{}
	for _, image := range variants {
		_, packed, err := build(image)
		if err != nil {
			return "", err
		}
		config, err := packed.ConfigFile()
		if err != nil {
			return "", fmt.Errorf("reading the configuration of %s: %w", image.Ref, err)
		}
		if image.Ref != variants[0].Ref || seen[config.Architecture] {
			return "", fmt.Errorf("packing %s: two images for %s, or of different names", image.Ref, config.Architecture)
		}
		seen[config.Architecture] = true
		all = mutate.AppendManifests(all, mutate.IndexAddendum{
			Add: packed, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: config.OS, Architecture: config.Architecture}},
		})
	}
	sum, err := all.Digest()
	if err != nil {
		return "", fmt.Errorf("naming the index: %w", err)
	}
	return sum.String(), writeLayout(folder, all, variants[0].Ref)
}

// writeLayout replaces the folder wholly.
func writeLayout(folder string, index v1.ImageIndex, ref string) error {
	if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil {
		return fmt.Errorf("making the folder of images: %w", err)
	}
	fresh, err := os.MkdirTemp(filepath.Dir(folder), ".images-*")
	if err != nil {
		return fmt.Errorf("making the folder of images: %w", err)
	}
	defer os.RemoveAll(fresh) // nothing is left to do about a leftover folder
	at, err := layout.Write(fresh, empty.Index)
	if err != nil {
		return fmt.Errorf("writing the image layout: %w", err)
	}
	named := map[string]string{"org.opencontainers.image.ref.name": ref}
	if err := at.AppendIndex(index, layout.WithAnnotations(named)); err != nil {
		return fmt.Errorf("writing %s: %w", ref, err)
	}
	if err := os.RemoveAll(folder); err != nil {
		return fmt.Errorf("removing the earlier images: %w", err)
	}
	if err := os.Rename(fresh, folder); err != nil {
		return fmt.Errorf("putting the images in place: %w", err)
	}
	return nil
}

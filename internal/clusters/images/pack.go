package images

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/renameio/v2"
)

// Pack writes the image to w as an archive that container runtimes import, and
// returns its ID: the digest of its configuration, which the CRI shows for it.
func Pack(w io.Writer, image Image) (id string, err error) {
	tag, packed, err := build(image)
	if err != nil {
		return "", err
	}
	config, err := packed.ConfigName()
	if err != nil {
		return "", fmt.Errorf("naming the image %s: %w", image.Ref, err)
	}
	if err := tarball.Write(tag, packed, w); err != nil {
		return "", fmt.Errorf("writing the image %s: %w", image.Ref, err)
	}
	return config.String(), nil
}

// PackFile keeps the archive at path as the description says and returns the
// image's ID. An archive that is right already is left alone.
func PackFile(path string, image Image) (id string, err error) {
	// Wholly or not at all: a node may be importing the earlier one.
	out, err := renameio.NewPendingFile(path, renameio.WithPermissions(0o644))
	if err != nil {
		return "", fmt.Errorf("opening the archive: %w", err)
	}
	defer out.Cleanup() //nolint:errcheck // nothing is left to do about a leftover file
	sum := sha256.New()
	if id, err = Pack(io.MultiWriter(out, sum), image); err != nil {
		return "", err
	}
	same, err := holds(path, sum.Sum(nil))
	if err != nil {
		return "", err
	}
	if same {
		return id, nil
	}
	if err := out.CloseAtomicallyReplace(); err != nil {
		return "", fmt.Errorf("putting the archive in place: %w", err)
	}
	return id, nil
}

// holds tells whether the file has content of that SHA-256.
func holds(path string, sum []byte) (bool, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("opening the earlier archive: %w", err)
	}
	defer f.Close()
	have := sha256.New()
	if _, err := io.Copy(have, f); err != nil {
		return false, fmt.Errorf("reading the earlier archive: %w", err)
	}
	return bytes.Equal(have.Sum(nil), sum), nil
}

func build(image Image) (name.Tag, v1.Image, error) {
	tag, err := image.tag()
	if err != nil {
		return name.Tag{}, nil, err
	}
	if err := image.check(); err != nil {
		return name.Tag{}, nil, fmt.Errorf("checking the image %s: %w", image.Ref, err)
	}
	content, architecture, err := image.layer()
	if err != nil {
		return name.Tag{}, nil, fmt.Errorf("making the image %s: %w", image.Ref, err)
	}
	packed, err := mutate.AppendLayers(empty.Image, static.NewLayer(content, types.DockerUncompressedLayer))
	if err != nil {
		return name.Tag{}, nil, fmt.Errorf("adding the layer of %s: %w", image.Ref, err)
	}
	config, err := packed.ConfigFile()
	if err != nil {
		return name.Tag{}, nil, fmt.Errorf("reading the configuration of %s: %w", image.Ref, err)
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", architecture
	config.Created = v1.Time{Time: madeAt()}
	config.Config = v1.Config{
		Entrypoint: image.Entrypoint,
		Env:        image.Env,
		User:       image.User,
		Labels:     image.Labels,
		WorkingDir: "/",
	}
	if packed, err = mutate.ConfigFile(packed, config); err != nil {
		return name.Tag{}, nil, fmt.Errorf("configuring the image %s: %w", image.Ref, err)
	}
	return tag, packed, nil
}

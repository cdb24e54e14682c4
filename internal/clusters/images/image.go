package images

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/name"
)

// CertificatesPath is where Go's crypto/x509, OpenSSL's Debian configuration
// and with them most clients look for the authorities that they trust.
const CertificatesPath = "/etc/ssl/certs/ca-certificates.crt"

// Image describes a container image.
type Image struct {
	// Ref is the full name that pods ask for, with registry and tag.
	Ref string
	// Files are the image's content; their folders come by themselves.
	Files []File
	// Entrypoint is the program, one of Files, and its first arguments.
	Entrypoint []string
	// Env is the environment, as NAME=value.
	Env []string
	// User runs the program, as UID or UID:GID: an image of ours has no
	// /etc/passwd to look names up in. Empty is root.
	User string
	// Labels are shown by the container runtime.
	Labels map[string]string
}

// File is one file of an image.
type File struct {
	// Path is absolute, with forward slashes.
	Path string
	// Mode is the permissions; 0 is 0644.
	Mode fs.FileMode
	// Source is the file on this machine that is copied; empty is Content.
	Source string
	// Content is the file's content, for what is made and not found.
	Content []byte
}

// Program describes the usual image: one program in the root folder, which is
// started with the arguments that the pod gives.
func Program(ref, source string) Image {
	at := "/" + filepath.Base(source)
	return Image{
		Ref:        ref,
		Files:      []File{{Path: at, Mode: 0o755, Source: source}},
		Entrypoint: []string{at},
		Env:        []string{"PATH=/"},
	}
}

// Certificates is the file with the authorities that the image's program
// trusts, in PEM.
func Certificates(pem []byte) File {
	return File{Path: CertificatesPath, Content: pem}
}

// tag reads the reference. Without registry and tag it is refused: the defaults
// would be filled differently by those who read it later.
func (i Image) tag() (name.Tag, error) {
	tag, err := name.NewTag(i.Ref, name.StrictValidation)
	if err != nil {
		return name.Tag{}, fmt.Errorf("reading the image name %q: %w", i.Ref, err)
	}
	return tag, nil
}

func (i Image) check() error {
	if len(i.Entrypoint) == 0 {
		return errors.New("the image has no entrypoint")
	}
	seen := make(map[string]bool, len(i.Files))
	for _, f := range i.Files {
		if !path.IsAbs(f.Path) || path.Clean(f.Path) != f.Path || f.Path == "/" {
			return fmt.Errorf("the file %q isn't named by a clean absolute path", f.Path)
		}
		if seen[f.Path] {
			return fmt.Errorf("the file %s is there twice", f.Path)
		}
		seen[f.Path] = true
	}
	if !seen[i.Entrypoint[0]] {
		return fmt.Errorf("the entrypoint %s isn't one of the image's files", i.Entrypoint[0])
	}
	return nil
}

package chartrepo

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io/fs"

	"helm.sh/helm/v3/pkg/chart"
	"sigs.k8s.io/yaml"
)

// Archive is a packed chart.
type Archive struct {
	File     string // name of the file
	Data     []byte
	Metadata chart.Metadata
}

// Pack makes the archive of the chart in folder dir, as helm package does, but without times.
func Pack(files fs.FS, dir string) (Archive, error) {
	var a Archive
	about, err := fs.ReadFile(files, dir+"/Chart.yaml")
	if err != nil {
		return a, fmt.Errorf("reading chart %s: %w", dir, err)
	}
	if err := yaml.UnmarshalStrict(about, &a.Metadata); err != nil {
		return a, fmt.Errorf("reading chart %s: %w", dir, err)
	}
	if err := a.Metadata.Validate(); err != nil {
		return a, fmt.Errorf("reading chart %s: %w", dir, err)
	}
	if a.Metadata.Name != dir {
		return a, fmt.Errorf("chart %s is in a folder %s", a.Metadata.Name, dir)
	}
	var out bytes.Buffer
	compressed := gzip.NewWriter(&out)
	archive := tar.NewWriter(compressed)
	if err := errors.Join(add(archive, files, dir), archive.Close(), compressed.Close()); err != nil {
		return a, fmt.Errorf("packing chart %s: %w", dir, err)
	}
	a.File, a.Data = fmt.Sprintf("%s-%s.tgz", a.Metadata.Name, a.Metadata.Version), out.Bytes()
	return a, nil
}

// add writes the files in the order of their names; Helm wants no entries for folders.
func add(archive *tar.Writer, files fs.FS, dir string) error {
	return fs.WalkDir(files, dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		if err := archive.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content)), Typeflag: tar.TypeReg}); err != nil {
			return err
		}
		_, err = archive.Write(content)
		return err
	})
}

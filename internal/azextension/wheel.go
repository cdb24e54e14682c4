package azextension

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"io/fs"
	"strings"
)

//go:embed all:aks_preview
var sources embed.FS

const (
	name    = "aks-preview"
	version = "0.5.200"
	wheel   = "aks_preview-" + version + "-py3-none-any.whl"
	info    = "aks_preview-" + version + ".dist-info/"
)

// pack makes the wheel: a zip of the sources, and what pip wants to know of them.
func pack() ([]byte, error) {
	var out bytes.Buffer
	archive := zip.NewWriter(&out)
	var record strings.Builder
	add := func(file string, content []byte) error {
		entry, err := archive.Create(file) // without a time: the same sources make the same wheel
		if err != nil {
			return err
		}
		sum := sha256.Sum256(content)
		fmt.Fprintf(&record, "%s,sha256=%s,%d\n", file, base64.RawURLEncoding.EncodeToString(sum[:]), len(content))
		_, err = entry.Write(content)
		return err
	}
	err := fs.WalkDir(sources, "aks_preview", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := sources.ReadFile(path)
		if err != nil {
			return err
		}
		return add(strings.TrimPrefix(path, "aks_preview/"), content)
	})
	if err != nil {
		return nil, fmt.Errorf("packing the sources of %s: %w", name, err)
	}
	for _, file := range [][2]string{
		{"METADATA", "Metadata-Version: 2.1\nName: " + name + "\nVersion: " + version + "\nSummary: Pod identity of AKS for az\nLicense: Apache-2.0\n"},
		{"WHEEL", "Wheel-Version: 1.0\nGenerator: lanyard\nRoot-Is-Purelib: true\nTag: py3-none-any\n"},
		{"top_level.txt", "azext_aks_preview\n"},
	} {
		if err := add(info+file[0], []byte(file[1])); err != nil {
			return nil, fmt.Errorf("packing %s: %w", file[0], err)
		}
	}
	record.WriteString(info + "RECORD,,\n")
	entry, err := archive.Create(info + "RECORD")
	if err != nil {
		return nil, err
	}
	if _, err := entry.Write([]byte(record.String())); err != nil {
		return nil, err
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

package login

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2/maybe"
)

// Folder is where a user's clouds, profile, credentials and tokens are kept.
type Folder struct{ Path string }

// DefaultFolder is $LANYARD_CONFIG_DIR, else .lanyard in the home folder.
func DefaultFolder(getenv func(string) string) (Folder, error) {
	if dir := getenv("LANYARD_CONFIG_DIR"); dir != "" {
		return Folder{dir}, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return Folder{}, fmt.Errorf("finding the home folder (set LANYARD_CONFIG_DIR instead): %w", err)
	}
	return Folder{filepath.Join(home, ".lanyard")}, nil
}

func (f Folder) file(name string) string { return filepath.Join(f.Path, name) }

// read decodes a file; one that isn't there leaves v as it is.
func (f Folder) read(name string, v any) error {
	data, err := os.ReadFile(f.file(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("reading %s (delete it to start afresh): %w", f.file(name), err)
	}
	return nil
}

// write replaces a file at once (on Windows, where that is not to be had, as well as can
// be), readable by its owner only.
func (f Folder) write(name string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return f.writeBytes(name, append(data, '\n'))
}

func (f Folder) writeBytes(name string, data []byte) error {
	if err := os.MkdirAll(f.Path, 0o700); err != nil {
		return err
	}
	return maybe.WriteFile(f.file(name), data, 0o600)
}

func (f Folder) remove(name string) error {
	if err := os.Remove(f.file(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

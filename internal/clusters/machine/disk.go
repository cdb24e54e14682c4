package machine

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// Disk is what a machine keeps over its restarts: its own /etc and /var, in a
// folder of the host.
type Disk struct {
	Dir string
}

// Path is where a file of the machine is on the host.
func (d Disk) Path(inside string) string {
	return filepath.Join(d.Dir, inside)
}

// Binds show the disk to the machine.
func (d Disk) Binds() []Bind {
	return []Bind{
		{Source: d.Path("/etc"), Target: "/etc"},
		{Source: d.Path("/var"), Target: "/var"},
	}
}

// Write puts a file on the disk, whole or not at all.
func (d Disk) Write(inside string, content []byte, mode fs.FileMode) error {
	err := d.in(func(r *os.Root) error {
		name := relative(inside)
		if err := r.MkdirAll(path.Dir(name), 0o755); err != nil {
			return err
		}
		if err := r.WriteFile(name+".new", content, mode); err != nil {
			return err
		}
		return r.Rename(name+".new", name)
	})
	if err != nil {
		return fmt.Errorf("writing %s: %w", inside, err)
	}
	return nil
}

// Read reads a file of the disk.
func (d Disk) Read(inside string) ([]byte, error) {
	var b []byte
	err := d.in(func(r *os.Root) (err error) {
		b, err = r.ReadFile(relative(inside))
		return err
	})
	return b, err
}

// in opens the disk as a root that no symbolic link leads out of: what runs in
// the machine may have put one anywhere.
func (d Disk) in(do func(*os.Root) error) error {
	r, err := os.OpenRoot(d.Dir)
	if err != nil {
		return err
	}
	defer r.Close()
	return do(r)
}

func relative(inside string) string { return strings.TrimPrefix(path.Clean(inside), "/") }

// Ensure makes the files that every machine has. Nothing of the host's own
// /etc is among them.
func (d Disk) Ensure(hostname string) error {
	if err := os.MkdirAll(d.Dir, 0o700); err != nil {
		return fmt.Errorf("creating disk: %w", err)
	}
	id := sha256.Sum256([]byte(d.Dir))
	for inside, content := range map[string]string{
		"/etc/hostname":      hostname + "\n",
		"/etc/hosts":         "127.0.0.1 localhost\n127.0.0.1 " + hostname + "\n",
		"/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
		"/etc/passwd":        "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
		"/etc/group":         "root:x:0:\nnogroup:x:65534:\n",
		"/etc/machine-id":    hex.EncodeToString(id[:16]) + "\n",
	} {
		if err := d.Write(inside, []byte(content), 0o644); err != nil {
			return err
		}
	}
	return d.in(func(r *os.Root) error {
		for _, dir := range []string{"var/lib", "var/log", "var/tmp"} {
			if err := r.MkdirAll(dir, 0o755); err != nil {
				return fmt.Errorf("creating disk: %w", err)
			}
		}
		for link, target := range map[string]string{
			"var/run":        "/run",
			"etc/os-release": "../usr/lib/os-release",
			"etc/mtab":       "../proc/self/mounts",
		} {
			if err := r.Symlink(target, link); err != nil && !errors.Is(err, fs.ErrExist) {
				return fmt.Errorf("creating disk: %w", err)
			}
		}
		return nil
	})
}

// Folder opens a folder of the disk, which no symbolic link leads out of, for as
// long as do needs it. One that isn't there is made, or left.
func (d Disk) Folder(inside string, create bool, do func(folder *os.File) error) error {
	err := d.in(func(r *os.Root) error {
		if create {
			if err := r.MkdirAll(relative(inside), 0o755); err != nil {
				return err
			}
		}
		folder, err := r.Open(relative(inside))
		if err != nil {
			return err
		}
		defer folder.Close()
		return do(folder)
	})
	if errors.Is(err, fs.ErrNotExist) && !create {
		return nil
	}
	if err != nil {
		return fmt.Errorf("opening folder %s: %w", inside, err)
	}
	return nil
}

package clusters

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/lanyard-project/lanyard/internal/clusters/machine"
)

// nodeDisks is where a node finds the disks that are attached to it, each a folder.
const nodeDisks = "/var/lib/lanyard/disks"

// validDisk is what disks are called: by their unique IDs.
var validDisk = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// PlaceDisks puts the folders of disks where they are attached: wanted has the
// disks of each machine, by provider ID. A disk that is nowhere lies in the
// engine's own folder, one that isn't among all is removed with its content, and
// one that has none yet is made.
//
// Attaching is renaming: the folder is in one place at any time, and no mount of
// the host's is involved.
func (e *Engine) PlaceDisks(ctx context.Context, wanted map[string][]string, all []string) error {
	defer e.locks.exclusive("disks")()
	store := filepath.Join(e.options.DataDir, "disks")
	if err := os.MkdirAll(store, 0o700); err != nil {
		return fmt.Errorf("placing disks: %w", err)
	}
	type place struct {
		disk machine.Disk
		want []string
	}
	var places []place
	err := e.eachNode(func(_ ControlPlane, n Node) error {
		places = append(places, place{e.nodeDisk(n.ClusterID, n.Name), wanted[n.ProviderID]})
		return ctx.Err()
	})
	if err != nil {
		return fmt.Errorf("placing disks: %w", err)
	}
	var failed []error
	for _, p := range places { // first back, then to whoever has it next
		failed = append(failed, e.returnDisks(p.disk, p.want))
	}
	for _, p := range places {
		for _, id := range p.want {
			if validDisk.MatchString(id) {
				failed = append(failed, handOver(store, p.disk, id))
			}
		}
	}
	failed = append(failed, removeDisks(store, all))
	if err := errors.Join(failed...); err != nil {
		return fmt.Errorf("placing disks: %w", err)
	}
	return nil
}

// rescueDisks takes the disks of a node back that is about to be removed.
func (e *Engine) rescueDisks(cluster, name string) error {
	defer e.locks.exclusive("disks")()
	disk := e.nodeDisk(cluster, name)
	if _, err := os.Stat(disk.Dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return e.returnDisks(disk, nil)
}

// returnDisks takes a node's disks back, but for those that it keeps.
func (e *Engine) returnDisks(node machine.Disk, keep []string) error {
	store := filepath.Join(e.options.DataDir, "disks")
	if _, err := os.Stat(node.Dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return node.Folder(nodeDisks, false, func(folder *os.File) error {
		entries, err := folder.ReadDir(-1)
		if err != nil {
			return err
		}
		for _, entry := range entries {
			if id := entry.Name(); validDisk.MatchString(id) && !slices.Contains(keep, id) {
				if err := os.MkdirAll(store, 0o700); err != nil {
					return err
				}
				if err := move(folder, store, id, false); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// handOver gives a node a disk.
func handOver(store string, node machine.Disk, id string) error {
	return node.Folder(nodeDisks, true, func(folder *os.File) error {
		if err := unix.Faccessat(int(folder.Fd()), id, unix.F_OK, unix.AT_SYMLINK_NOFOLLOW); err == nil {
			return nil // it has it
		}
		if err := os.Mkdir(filepath.Join(store, id), 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		return move(folder, store, id, true)
	})
}

// move renames between the engine's folder and a node's. What a node's root has
// made of its entry is moved, never followed.
func move(folder *os.File, store, id string, in bool) error {
	from, err := os.Open(store)
	if err != nil {
		return err
	}
	defer from.Close()
	a, b := int(from.Fd()), int(folder.Fd())
	if !in {
		a, b = b, a
	}
	if err := unix.Renameat2(a, id, b, id, unix.RENAME_NOREPLACE); err != nil {
		return fmt.Errorf("moving disk %s: %w", id, err)
	}
	return nil
}

// removeDisks removes the content of disks that are gone.
func removeDisks(store string, all []string) error {
	entries, err := os.ReadDir(store)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if !slices.ContainsFunc(all, func(id string) bool { return strings.EqualFold(id, entry.Name()) }) {
			if err := os.RemoveAll(filepath.Join(store, entry.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

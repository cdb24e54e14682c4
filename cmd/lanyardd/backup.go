package main

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"

	"github.com/lanyard-project/lanyard/internal/store/etcdserver"
)

// snapshotName is the database in a backup; everything else in it has the name
// that it has in the data folder.
const snapshotName = "etcd/snapshot.db"

func backupCommand() *cobra.Command {
	var c config
	command := &cobra.Command{
		Use:   "backup FILE",
		Short: "Write all state of a data folder into a file, while lanyardd works or etcd alone does",
		Long: `Write all state of a data folder into a file (tar, gzip), while lanyardd works or etcd alone does.

The file holds the keys under which secrets are sealed, so whoever has it is every identity: it is made with mode 0600.
What clusters hold is in it (their objects are in the same etcd), what their nodes hold is not: images and the pods'
files. Nor are the images of container registries and the content of blobs: copy the folders registries and blobs of the
data folder as well, after this command. A cluster that is created or deleted meanwhile may be in it by half; its operation goes on after a restore.`,
		Args: cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			if err := c.absolute(); err != nil {
				return err
			}
			return backup(command.Context(), c, args[0])
		},
	}
	c.folders(command.Flags())
	return command
}

// backup writes the file as a whole or not at all.
func backup(ctx context.Context, c config, file string) error {
	pending, err := renameio.NewPendingFile(file, renameio.WithStaticPermissions(0o600))
	if err != nil {
		return err
	}
	defer func() { _ = pending.Cleanup() }()
	packed := gzip.NewWriter(pending)
	archive := tar.NewWriter(packed)
	// Files first: what the database says is then never older than them, and its
	// operations make what is missing.
	if err := packFolder(archive, c.dataDir); err != nil {
		return fmt.Errorf("packing %s: %w", c.dataDir, err)
	}
	if err := packSnapshot(ctx, archive, c); err != nil {
		return err
	}
	for _, w := range []io.Closer{archive, packed} {
		if err := w.Close(); err != nil {
			return err
		}
	}
	return pending.CloseAtomicallyReplace()
}

func packFolder(archive *tar.Writer, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	return fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist): // gone since it was listed
			return nil
		case err != nil:
			return err
		case entry.IsDir() && !backedUp(name):
			return fs.SkipDir
		case !entry.Type().IsRegular() || !backedUp(name):
			return nil
		}
		content, err := root.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		} else if err != nil {
			return err
		}
		return pack(archive, name, content)
	})
}

func pack(archive *tar.Writer, name string, content []byte) error {
	if err := archive.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(content)), Format: tar.FormatPAX}); err != nil {
		return err
	}
	_, err := archive.Write(content)
	return err
}

// backedUp reports whether a file or folder of the data folder, by its relative
// name, is state: not what a running program locks and logs, nor the database's
// own files, nor what clusters make again.
func backedUp(name string) bool {
	switch {
	case name == "lock", name == "record", name == "etcd/member", path.Ext(name) == ".log":
		return false
	case strings.HasPrefix(name, "clusters/"):
		return clusterState(strings.TrimPrefix(name, "clusters/"))
	}
	return true
}

func packSnapshot(ctx context.Context, archive *tar.Writer, c config) error {
	// Its size has to be known before it is packed.
	copied, err := os.CreateTemp(c.dataDir, ".snapshot-*")
	if err != nil {
		return err
	}
	defer os.Remove(copied.Name())
	defer copied.Close()
	if err := etcdserver.Snapshot(ctx, etcdDir(c), etcdRunDir(c), copied); errors.Is(err, etcdserver.ErrNotRunning) {
		return fmt.Errorf("%w for %s: start lanyardd, whose database it is", err, c.dataDir)
	} else if err != nil {
		return err
	}
	size, err := copied.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if _, err := copied.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if err := archive.WriteHeader(&tar.Header{Name: snapshotName, Mode: 0o600, Size: size, Format: tar.FormatPAX}); err != nil {
		return err
	}
	_, err = io.Copy(archive, copied)
	return err
}

func restoreCommand() *cobra.Command {
	var c config
	command := &cobra.Command{
		Use:   "restore FILE",
		Short: "Make a data folder from a backup; it must be empty. Clusters start again with the next lanyardd serve",
		Args:  cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			if err := c.absolute(); err != nil {
				return err
			}
			return restore(command.Context(), c, args[0])
		},
	}
	c.folders(command.Flags())
	return command
}

func restore(ctx context.Context, c config, file string) error {
	if entries, err := os.ReadDir(c.dataDir); err == nil && len(entries) > 0 {
		return fmt.Errorf("%s isn't empty: restore into a new folder, or take this one down first (lanyardd teardown)", c.dataDir)
	}
	from, err := os.Open(file)
	if err != nil {
		return err
	}
	defer from.Close()
	unlock, err := lockDataDir(ctx, c.dataDir, lockPatience)
	if err != nil {
		return err
	}
	defer unlock()
	if err := unpack(from, c.dataDir); err != nil {
		return fmt.Errorf("%s isn't a whole backup: %w", file, err)
	}
	copied := filepath.Join(c.dataDir, filepath.FromSlash(snapshotName))
	if err := etcdserver.Restore(etcdDir(c), copied); err != nil {
		return err
	}
	return os.Remove(copied)
}

// unpack writes the files of an archive below a folder, wherever their names point.
func unpack(from io.Reader, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	packed, err := gzip.NewReader(from)
	if err != nil {
		return err
	}
	archive := tar.NewReader(packed)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := root.MkdirAll(path.Dir(header.Name), 0o700); err != nil {
			return err
		}
		file, err := root.OpenFile(header.Name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		_, err = io.Copy(file, archive) //nolint:gosec // the archive is the operator's own, as large as their state
		if err := errors.Join(err, file.Close()); err != nil {
			return err
		}
	}
}

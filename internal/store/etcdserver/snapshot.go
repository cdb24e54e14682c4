package etcdserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/etcdutl/v3/snapshot"
	"go.uber.org/zap"
)

// Snapshot writes a consistent copy of the whole database of the etcd that runs on
// the folders, whoever started it, with users and rights. Restore reads it, and
// so does `etcdutl snapshot restore`.
func Snapshot(ctx context.Context, dataDir, runDir string, to io.Writer) error {
	p := paths{data: dataDir, run: runDir}
	if err := running(p); err != nil {
		return err
	}
	root, err := connect(p)
	if err != nil {
		return err
	}
	defer root.Close()
	from, err := root.Snapshot(ctx)
	if err != nil {
		return fmt.Errorf("taking a snapshot: %w", err)
	}
	defer from.Close()
	if _, err := io.Copy(to, from); err != nil {
		return fmt.Errorf("taking a snapshot: %w", err)
	}
	return nil
}

// Restore makes the database of a data folder that has none from a snapshot's
// file, whose checksum has to be right.
func Restore(dataDir, file string) error {
	p := paths{data: dataDir}
	if _, err := os.Stat(p.member()); !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s has a database already, or can't be read (%w): restore into an empty folder", p.member(), err)
	}
	err := snapshot.NewV3(zap.NewNop()).Restore(snapshot.RestoreConfig{
		SnapshotPath: file, OutputDataDir: p.member(),
		Name: memberName, PeerURLs: []string{peerURL}, InitialCluster: initialCluster, InitialClusterToken: "lanyard",
	})
	if err != nil {
		return fmt.Errorf("restoring a snapshot: %w", err)
	}
	return nil
}

// connect signs in as root, by its certificate.
func connect(p paths) (*clientv3.Client, error) {
	credentials := p.credentials(rootUser)
	config, err := credentials.TLS()
	if err != nil {
		return nil, err
	}
	root, err := clientv3.New(clientv3.Config{Endpoints: credentials.Endpoints, TLS: config, Logger: zap.NewNop()})
	if err != nil {
		return nil, fmt.Errorf("connecting to etcd: %w", err)
	}
	return root, nil
}

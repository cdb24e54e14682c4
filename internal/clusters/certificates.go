package clusters

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/lanyard-project/lanyard/internal/clusters/controlplane"
	"github.com/lanyard-project/lanyard/internal/clusters/pki"
)

// RotateCertificates gives the cluster another authority: every certificate of it
// is issued anew, and no kubeconfig that was handed out works any more. It stops
// the cluster; EnsureControlPlane and EnsureNode start it again. A generation that
// the cluster has already changes nothing, so that a caller that was cut off can
// call again.
func (e *Engine) RotateCertificates(ctx context.Context, id, generation string) error {
	if err := checkID("cluster", id); err != nil {
		return err
	}
	defer e.locks.exclusive("cluster/" + id)()
	record, err := e.cluster(id)
	if err != nil || record.Certificates == generation {
		return err
	}
	if err := e.powerOff(ctx, id); err != nil {
		return fmt.Errorf("rotating certificates of cluster %s: %w", id, err)
	}
	for _, dir := range e.certificateDirs(id) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return fmt.Errorf("rotating certificates of cluster %s: %w", id, err)
		}
		for _, entry := range entries {
			if entry.IsDir() || controlplane.IsTokenKey(entry.Name()) {
				continue // etcd's, and what signs tokens
			}
			if err := os.Remove(filepath.Join(dir, entry.Name())); err != nil {
				return fmt.Errorf("rotating certificates of cluster %s: %w", id, err)
			}
		}
	}
	record.Certificates = generation
	return e.saveCluster(record)
}

// RotateTokenKeys gives the cluster another key for service account tokens. Those
// that are out stay good for a day. EnsureControlPlane restarts the API server.
func (e *Engine) RotateTokenKeys(_ context.Context, id, generation string) error {
	if err := checkID("cluster", id); err != nil {
		return err
	}
	defer e.locks.exclusive("cluster/" + id)()
	record, err := e.cluster(id)
	if err != nil || record.TokenKeys == generation {
		return err
	}
	if err := controlplane.RotateTokenKey(e.controlPlaneSettings(record), generation); err != nil {
		return fmt.Errorf("rotating service account keys of cluster %s: %w", id, err)
	}
	record.TokenKeys = generation
	return e.saveCluster(record)
}

// RenewalDue reports whether a certificate of the cluster has little of its life
// left: Ensure of the control plane and of the nodes issues it anew.
func (e *Engine) RenewalDue(_ context.Context, id string) (bool, error) {
	defer e.locks.shared("cluster/" + id)()
	record, err := e.cluster(id)
	if errors.Is(err, ErrNotFound) || err == nil && record.Stopped {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	now, due := e.options.Clock.Now(), false
	for _, dir := range e.certificateDirs(id) {
		err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || due || entry.IsDir() || !strings.HasSuffix(path, ".crt") || strings.HasSuffix(path, "ca.crt") {
				return err
			}
			due, err = pki.RenewalDue(path, now)
			return err
		})
		if err != nil {
			return false, fmt.Errorf("looking at certificates of cluster %s: %w", id, err)
		}
	}
	return due || controlplane.RetiredTokenKey(e.controlPlaneSettings(record), now), nil
}

// certificateDirs are the folders of the certificates of a cluster.
func (e *Engine) certificateDirs(id string) []string {
	dirs := []string{controlplane.CertificateDir(e.controlPlaneDisk(id))}
	nodes, err := names(filepath.Join(e.clusterDir(id), "nodes"), "")
	if err != nil {
		return dirs
	}
	for _, name := range nodes {
		if dir := filepath.Join(e.nodeDir(id, name), "pki"); exists(dir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

package clusters

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"

	"github.com/lanyard-project/lanyard/internal/clusters/controlplane"
	"github.com/lanyard-project/lanyard/internal/secret"
)

// Cloud is how a cluster reaches the cloud.
type Cloud = controlplane.Cloud

// cloud completes what a cluster is told of the cloud by what is the engine's own.
func (e *Engine) cloud(c ControlPlane) *Cloud {
	if c.Cloud == nil || e.options.CloudProvider == "" {
		return nil
	}
	whole := *c.Cloud
	whole.Program, whole.Identity = e.options.CloudProvider, e.identityDir(c.ID)
	return &whole
}

func (e *Engine) identityDir(cluster string) string {
	return filepath.Join(e.options.RunDir, "identity", cluster)
}

// ensureIdentityDir makes the folder before a machine shows it.
func (e *Engine) ensureIdentityDir(c ControlPlane) error {
	if e.cloud(c) == nil {
		return nil
	}
	if err := os.MkdirAll(e.identityDir(c.ID), 0o700); err != nil {
		return fmt.Errorf("creating the folder of the control plane's identity: %w", err)
	}
	return nil
}

// ListenIdentity opens the socket at which a cluster's control plane, and nobody
// else, asks for tokens of its identity. The cluster need not be there yet.
func (e *Engine) ListenIdentity(ctx context.Context, clusterID string) (net.Listener, error) {
	if err := checkID("cluster", clusterID); err != nil {
		return nil, err
	}
	dir := e.identityDir(clusterID)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("creating the folder of the control plane's identity: %w", err)
	}
	path := filepath.Join(dir, controlplane.IdentitySocket)
	// One that a process before left behind.
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("removing the former socket of the control plane's identity: %w", err)
	}
	var config net.ListenConfig
	l, err := config.Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("listening for the control plane of cluster %s: %w", clusterID, err)
	}
	return l, nil
}

// ConfigureCloud replaces azure.json of a control plane, whose cloud controller
// manager starts again with it.
func (e *Engine) ConfigureCloud(_ context.Context, clusterID string, config secret.String) error {
	defer e.locks.exclusive("cluster/" + clusterID)()
	c, err := e.cluster(clusterID)
	if err != nil {
		return err
	}
	disk := e.controlPlaneDisk(c.ID)
	if _, err := os.Stat(disk.Dir); errors.Is(err, fs.ErrNotExist) {
		return nil // it gets one when it is made
	}
	if err := controlplane.WriteCloudConfig(disk, config); err != nil {
		return fmt.Errorf("configuring the cloud of cluster %s: %w", clusterID, err)
	}
	return nil
}

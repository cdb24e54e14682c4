package clusters

import (
	"context"
	"fmt"

	api "sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lanyard-project/lanyard/internal/clusters/objects"
)

// Apply brings a set of Kubernetes objects into the cluster, as its
// administrator, and takes away what the set no longer has.
func (e *Engine) Apply(ctx context.Context, clusterID string, set objects.Set) error {
	return e.in(clusterID, func(to api.Client) error { return objects.Apply(ctx, to, set) })
}

// Missing names the objects that were brought into the cluster and are there no
// more.
func (e *Engine) Missing(ctx context.Context, clusterID string) (gone []string, err error) {
	err = e.in(clusterID, func(to api.Client) (err error) { gone, err = objects.Missing(ctx, to); return err })
	return gone, err
}

// in does something in the cluster as its administrator.
func (e *Engine) in(clusterID string, do func(api.Client) error) error {
	c, err := e.cluster(clusterID)
	if err != nil {
		return err
	}
	administrator, err := e.client(c)
	if err != nil {
		return err
	}
	defer administrator.close()
	to, err := api.New(administrator.config, api.Options{HTTPClient: administrator.http})
	if err != nil {
		return fmt.Errorf("creating client of cluster %s: %w", clusterID, err)
	}
	if err := do(to); err != nil {
		return fmt.Errorf("cluster %s: %w", clusterID, err)
	}
	return nil
}

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
	if err := objects.Apply(ctx, to, set); err != nil {
		return fmt.Errorf("cluster %s: %w", clusterID, err)
	}
	return nil
}

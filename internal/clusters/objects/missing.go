package objects

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Missing names the objects of all sets that somebody has deleted since they were brought into the cluster. It changes
// nothing.
func Missing(ctx context.Context, c client.Client) ([]string, error) {
	var maps corev1.ConfigMapList
	if err := c.List(ctx, &maps, client.InNamespace(inventoryNamespace)); err != nil {
		return nil, fmt.Errorf("looking for what there is to be: %w", err)
	}
	var gone []string
	for _, m := range maps.Items {
		set, ours := strings.CutPrefix(m.Name, inventoryName(""))
		if !ours {
			continue
		}
		wanted, err := readInventory(ctx, c, set)
		if err != nil {
			return nil, err
		}
		for _, e := range wanted {
			o := &metav1.PartialObjectMetadata{}
			o.SetGroupVersionKind(schema.GroupVersionKind{Group: e.Group, Version: e.Version, Kind: e.Kind})
			err := c.Get(ctx, client.ObjectKey{Namespace: e.Namespace, Name: e.Name}, o)
			switch {
			case apierrors.IsNotFound(err), meta.IsNoMatchError(err):
				gone = append(gone, name(e.object()))
			case err != nil:
				return nil, fmt.Errorf("looking for %s: %w", name(e.object()), err)
			}
		}
	}
	return gone, nil
}

package scaleset

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	aadpodid "github.com/lanyard-project/lanyard/api/v1"
)

// releaseShared lets those go whose identity stays for others, or never was
// anywhere. One that says that the identity is mic's work waits until one of the
// others says so too.
func (r *Reconciler) releaseShared(ctx context.Context, d demand) error {
	writes, ctx := errgroup.WithContext(ctx)
	writes.SetLimit(max(1, r.Writers))
	for identity, u := range d {
		if identity != "" && len(u.live) == 0 {
			continue
		}
		handedOn := slices.ContainsFunc(u.live, isPut)
		for _, a := range u.leaving {
			if identity == "" || (!carrier(a) && (handedOn || !isPut(a))) {
				writes.Go(func() error { return r.release(ctx, a) })
			}
		}
	}
	return writes.Wait()
}

func isPut(a *aadpodid.AzureAssignedIdentity) bool { return a.Annotations[PutAnnotation] != "" }

func (r *Reconciler) release(ctx context.Context, a *aadpodid.AzureAssignedIdentity) error {
	err := Release(ctx, r.Kube, a)
	if err == nil {
		r.Metrics.released()
	}
	return err
}

// Release removes the finalizer from an assigned identity that is being
// deleted: nothing in Azure is there for it alone any more.
func Release(ctx context.Context, kube client.Client, a *aadpodid.AzureAssignedIdentity) error {
	released := a.DeepCopy()
	if !controllerutil.RemoveFinalizer(released, aadpodid.Finalizer) {
		return nil
	}
	err := kube.Patch(ctx, released, client.MergeFromWithOptions(a, client.MergeFromWithOptimisticLock{}))
	if err != nil && !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) {
		return fmt.Errorf("releasing assigned identity %s/%s: %w", a.Namespace, a.Name, err)
	}
	return nil
}

package scaleset

import (
	"context"
	"fmt"
	"strings"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	aadpodid "github.com/lanyard-project/lanyard/api/v1"
)

// settle writes to the assigned identities what a known state means for them.
func (r *Reconciler) settle(ctx context.Context, id ID, d demand, state State, m *memory) error {
	writes, ctx := errgroup.WithContext(ctx)
	writes.SetLimit(max(1, r.Writers))
	var judged []*aadpodid.AzureAssignedIdentity
	for identity, u := range d {
		clientID, there := state.ClientIDs[identity]
		found := there && !m.ours[identity]
		for _, a := range u.live {
			if identity == "" {
				break // names nothing that could be assigned; assign replaces it
			}
			verified := there && clientID != "" && strings.EqualFold(clientID, a.Spec.AzureIdentityRef.Spec.ClientID)
			if !verified {
				r.explain(a, identity, id, clientID, there, m)
			}
			if there {
				judged = append(judged, a)
			}
			writes.Go(func() error { return r.mark(ctx, a, verified, found) })
		}
		if len(u.live) > 0 || u.revoked || (there && r.mayRemove(identity, u, state, m)) {
			continue
		}
		for _, a := range u.leaving {
			judged = append(judged, a)
			writes.Go(func() error { return Release(ctx, r.Kube, a) })
		}
	}
	if err := writes.Wait(); err != nil {
		return err // nothing counts as concluded that may not have been written
	}
	for _, a := range judged {
		m.judged[a.UID] = a.ResourceVersion
	}
	return nil
}

// releaseShared lets those go whose identity stays for others, or never was
// anywhere.
func (r *Reconciler) releaseShared(ctx context.Context, d demand) error {
	writes, ctx := errgroup.WithContext(ctx)
	writes.SetLimit(max(1, r.Writers))
	for identity, u := range d {
		if identity != "" && len(u.live) == 0 {
			continue
		}
		for _, a := range u.leaving {
			writes.Go(func() error { return Release(ctx, r.Kube, a) })
		}
	}
	return writes.Wait()
}

// mark sets the state of a live assigned identity. It writes on top of exactly
// the version that was judged: if the object has changed since, for instance
// to another client ID, the write fails and its event brings the next pass.
func (r *Reconciler) mark(ctx context.Context, a *aadpodid.AzureAssignedIdentity, verified, found bool) error {
	state := aadpodid.StateCreated
	if verified {
		state = aadpodid.StateAssigned
	}
	// What was found is remembered also for a pod that can't have it: the next
	// mic must not take it for its own.
	marked := a.Annotations[FoundAnnotation] != ""
	if a.Status.Status == state && (marked == found || (marked && !verified)) {
		return nil
	}
	changed := a.DeepCopy()
	changed.Status.Status = state
	changed.Status.AvailableReplicas = 1
	switch {
	case found:
		changed.Annotations[FoundAnnotation] = "true"
	case verified:
		delete(changed.Annotations, FoundAnnotation)
	}
	err := r.Kube.Patch(ctx, changed, client.MergeFromWithOptions(a, client.MergeFromWithOptimisticLock{}))
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("marking assigned identity %s/%s as %s: %w", a.Namespace, a.Name, state, err)
	}
	if verified && a.Status.Status != state {
		r.Metrics.lag(r.Clock.Now().Sub(a.CreationTimestamp.Time))
		r.event(a, corev1.EventTypeNormal, "binding applied",
			fmt.Sprintf("Pod %s/%s has identity %s.", a.Spec.PodNamespace, a.Spec.Pod, a.Spec.AzureIdentityRef.Name), bindingOnly)
	}
	return nil
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

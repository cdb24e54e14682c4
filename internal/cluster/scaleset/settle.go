package scaleset

import (
	"context"
	"fmt"
	"strings"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	aadpodid "github.com/lanyard-project/lanyard/api/v1"
)

// settle writes to the assigned identities what a known state means for them.
func (r *Reconciler) settle(ctx context.Context, id ID, d demand, state State, m *memory) error {
	writes, ctx := errgroup.WithContext(ctx)
	writes.SetLimit(max(1, r.Writers))
	var concluded []*conclusion
	for identity, u := range d {
		clientID, there := state.ClientIDs[identity]
		found := there && !m.ours[identity]
		for _, a := range u.live {
			if identity == "" {
				break // names nothing that could be assigned; assign replaces it
			}
			c := &conclusion{about: a}
			verified := there && clientID != "" && strings.EqualFold(clientID, a.Spec.AzureIdentityRef.Spec.ClientID)
			condition := Condition(ReasonAssigned, "")
			if !verified {
				condition = r.explain(a, identity, id, clientID, there, m)
			}
			if there {
				concluded = append(concluded, c)
			}
			writes.Go(func() (err error) {
				c.written, err = r.mark(ctx, a, verified, found, condition)
				return err
			})
		}
		if len(u.live) > 0 || u.revoked || (there && r.mayRemove(identity, u, state, m)) {
			continue
		}
		for _, a := range u.leaving {
			concluded = append(concluded, &conclusion{about: a})
			writes.Go(func() error { return r.release(ctx, a) })
		}
	}
	if err := writes.Wait(); err != nil {
		return err // nothing counts as concluded that may not have been written
	}
	for _, c := range concluded {
		m.judge(c.about)
		if c.written != nil {
			m.wrote(c.written)
		}
	}
	return nil
}

// conclusion is an object as a pass saw it and as the pass wrote it, if it did.
type conclusion struct {
	about, written *aadpodid.AzureAssignedIdentity
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
			writes.Go(func() error { return r.release(ctx, a) })
		}
	}
	return writes.Wait()
}

// mark sets the state and condition of a live assigned identity, and returns what
// it wrote, if anything. It writes on top of exactly the version that was judged:
// if the object has changed since, for instance to another client ID, the write
// fails and its event brings the next pass.
func (r *Reconciler) mark(ctx context.Context, a *aadpodid.AzureAssignedIdentity, verified, found bool, condition metav1.Condition) (
	*aadpodid.AzureAssignedIdentity, error,
) {
	state := aadpodid.StateCreated
	if verified {
		state = aadpodid.StateAssigned
	}
	changed := a.DeepCopy()
	told := condition.Reason != "" && r.setCondition(changed, condition)
	// What was found is remembered also for a pod that can't have it: the next
	// mic must not take it for its own.
	marked := a.Annotations[FoundAnnotation] != ""
	if a.Status.Status == state && (marked == found || (marked && !verified)) && !told {
		return nil, nil
	}
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
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("marking assigned identity %s/%s as %s: %w", a.Namespace, a.Name, state, err)
	}
	if verified && a.Status.Status != state {
		r.Metrics.assigned(r.Clock.Now().Sub(a.CreationTimestamp.Time))
		r.event(a, corev1.EventTypeNormal, "binding applied",
			fmt.Sprintf("Pod %s/%s has identity %s.", a.Spec.PodNamespace, a.Spec.Pod, a.Spec.AzureIdentityRef.Name), bindingOnly)
	}
	return changed, nil
}

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

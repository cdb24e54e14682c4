package assign

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	aadpodid "github.com/lanyard-project/lanyard/api/v1"
	"github.com/lanyard-project/lanyard/internal/cluster/match"
	"github.com/lanyard-project/lanyard/internal/cluster/scaleset"
)

// Reconciler does the passes over pods. All fields have to be set.
type Reconciler struct {
	// Kube reads from an indexed cache (see SetUp) and writes to the API.
	Kube client.Client
	// Live reads past the cache; used when a name turns out to be taken.
	Live     client.Reader
	Recorder record.EventRecorder
	Rules    match.Rules
	Clock    clock.PassiveClock
	// Instance tells this process from earlier ones.
	Instance string
	Sets     Sets

	fresh fresh
}

// Sets knows what is on scale sets.
type Sets interface {
	// Place marks an assigned identity that is about to be written as Assigned if
	// nothing is to be done for that, and reports whether it is.
	Place(a *aadpodid.AzureAssignedIdentity) bool
	// Placed hears of each that it has marked, once it is written or that failed.
	Placed(a *aadpodid.AzureAssignedIdentity, err error)
}

// Reconcile makes one pass over a pod, which need not exist any more.
func (r *Reconciler) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	existing, err := r.existing(ctx, req.NamespacedName)
	if err != nil {
		return reconcile.Result{}, err
	}
	pod, err := r.pod(ctx, req.NamespacedName)
	if err != nil {
		return reconcile.Result{}, err
	}
	at, err := r.place(ctx, nodeOf(pod))
	if err != nil {
		return reconcile.Result{}, err
	}
	wanted, err := r.wanted(ctx, pod, at)
	if err != nil {
		return reconcile.Result{}, err
	}

	r.fresh.shown(req.NamespacedName, existing, len(wanted))

	// Take away before giving: an entitlement that ended must end whatever
	// becomes of the rest of the pass.
	kept, errs := r.revokeOthers(ctx, existing, wanted, at)
	for i, want := range wanted {
		var a *aadpodid.AzureAssignedIdentity
		var err error
		if kept[i] != nil {
			a, err = r.update(ctx, kept[i], want)
		} else {
			a, err = r.create(ctx, want, existing, at)
		}
		errs = append(errs, err)
		if err == nil && at.why != "" && needsAzure(want.Spec.AzureIdentityRef) {
			r.Recorder.Event(a, corev1.EventTypeWarning, "binding apply error", at.why)
		}
	}
	errs = append(errs, r.release(ctx, existing))
	return reconcile.Result{}, errors.Join(errs...)
}

// wanted returns the objects that the pod is to have.
func (r *Reconciler) wanted(ctx context.Context, pod *corev1.Pod, at place) ([]*aadpodid.AzureAssignedIdentity, error) {
	if pod == nil {
		return nil, nil
	}
	matches, err := r.Rules.Pod(pod, view{ctx, r.Kube})
	if err != nil {
		return nil, err
	}
	var wanted []*aadpodid.AzureAssignedIdentity
	for _, m := range matches {
		if why := r.Rules.Usable(m.Identity); why != nil {
			r.Recorder.Event(m.Identity, corev1.EventTypeWarning, "binding apply error", "No pod can be given this identity: "+why.Error())
			continue
		}
		wanted = append(wanted, r.desired(client.ObjectKeyFromObject(pod), at, m))
	}
	return wanted, nil
}

// revokeOthers takes away the live objects that nobody wants and returns those
// that stay, at the places of their wanted counterparts.
func (r *Reconciler) revokeOthers(ctx context.Context, existing, wanted []*aadpodid.AzureAssignedIdentity, at place) (
	kept []*aadpodid.AzureAssignedIdentity, errs []error,
) {
	kept = make([]*aadpodid.AzureAssignedIdentity, len(wanted))
	for _, have := range existing {
		if !have.DeletionTimestamp.IsZero() {
			continue
		}
		stays := false
		for i, want := range wanted {
			if kept[i] == nil && sameAssignment(have, want, at) {
				kept[i], stays = have, true
				break
			}
		}
		if !stays {
			errs = append(errs, r.revoke(ctx, have))
		}
	}
	return kept, errs
}

// revoke ends an entitlement. The state goes first: agents other than ours
// read it and don't look at the deletion timestamp.
func (r *Reconciler) revoke(ctx context.Context, have *aadpodid.AzureAssignedIdentity) error {
	if have.Status.Status != aadpodid.StateUnassigned {
		next := have.DeepCopy()
		next.Status.Status = aadpodid.StateUnassigned
		if err := r.Kube.Patch(ctx, next, client.MergeFrom(have)); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("marking assigned identity %s/%s as unassigned: %w", have.Namespace, have.Name, err)
		}
	}
	err := r.Kube.Delete(ctx, have, client.Preconditions{UID: &have.UID})
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		return fmt.Errorf("deleting assigned identity %s/%s: %w", have.Namespace, have.Name, err)
	}
	return nil
}

// release lets go those deleted objects that no scale set worker will see:
// service principals, and objects whose scale set nobody recorded.
func (r *Reconciler) release(ctx context.Context, existing []*aadpodid.AzureAssignedIdentity) error {
	var errs []error
	for _, have := range existing {
		if !have.DeletionTimestamp.IsZero() && scaleset.IndexKey(have) == nil {
			errs = append(errs, r.releaseOne(ctx, have))
		}
	}
	return errors.Join(errs...)
}

// releaseOne first gives an object of an older controller, which recorded no
// scale set, over to the scale set worker if its node still tells which.
func (r *Reconciler) releaseOne(ctx context.Context, have *aadpodid.AzureAssignedIdentity) error {
	ref := have.Spec.AzureIdentityRef
	if ref != nil && needsAzure(ref) {
		at, err := r.place(ctx, have.Spec.NodeName)
		if err != nil {
			return err
		}
		if at.set != nil {
			_, err := r.update(ctx, have, withScaleSet(have, *at.set))
			return err
		}
	}
	return scaleset.Release(ctx, r.Kube, have)
}

func (r *Reconciler) update(ctx context.Context, have, want *aadpodid.AzureAssignedIdentity) (*aadpodid.AzureAssignedIdentity, error) {
	next := update(have, want)
	if next == nil {
		return have, nil
	}
	err := r.Kube.Patch(ctx, next, client.MergeFromWithOptions(have, client.MergeFromWithOptimisticLock{}))
	if err != nil {
		return have, fmt.Errorf("updating assigned identity %s/%s: %w", have.Namespace, have.Name, err)
	}
	return next, nil
}

func withScaleSet(have *aadpodid.AzureAssignedIdentity, set scaleset.ID) *aadpodid.AzureAssignedIdentity {
	want := have.DeepCopy()
	want.Annotations = map[string]string{scaleset.ScaleSetAnnotation: set.String()}
	return want
}

// create makes a new object under the plain name, or beside it if another
// object has that one.
func (r *Reconciler) create(ctx context.Context, want *aadpodid.AzureAssignedIdentity, existing []*aadpodid.AzureAssignedIdentity, at place) (
	*aadpodid.AzureAssignedIdentity, error,
) {
	pod := types.NamespacedName{Namespace: want.Spec.PodNamespace, Name: want.Spec.Pod}
	plain := plainName(pod, want.Spec.AzureIdentityRef.Name)
	name := plain
	if len(name) > maxName {
		name = nameBeside(plain, "")
	}
	// Each turn finds one more object in the way, at most all that exist; more
	// than a few is a race, and the queue tries again.
	for range len(existing) + 3 {
		key := types.NamespacedName{Namespace: want.Namespace, Name: name}
		if !r.fresh.has(pod, key) {
			created := want.DeepCopy()
			created.Name = name
			placed := r.Sets.Place(created)
			err := r.Kube.Create(ctx, created)
			if placed {
				r.Sets.Placed(created, err)
			}
			if err == nil {
				r.fresh.add(pod, key)
				return created, nil
			}
			if !apierrors.IsAlreadyExists(err) {
				return want, fmt.Errorf("creating assigned identity %s: %w", key, err)
			}
		}
		var taker aadpodid.AzureAssignedIdentity
		err := r.Live.Get(ctx, key, &taker)
		if apierrors.IsNotFound(err) {
			r.fresh.remove(pod, key)
			continue // it has just gone: the name is free
		}
		if err != nil {
			return want, fmt.Errorf("reading who has the name %s: %w", key, err)
		}
		if taker.DeletionTimestamp.IsZero() && PodIndexKey(&taker)[0] == PodIndexKey(want)[0] && sameAssignment(&taker, want, at) {
			return &taker, nil // ours already; the cache will show it
		}
		name = nameBeside(plain, taker.UID)
	}
	return want, fmt.Errorf("creating assigned identity %s/%s: every name for it is taken", want.Namespace, plain)
}

package report

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/record"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	aadpodid "github.com/lanyard-project/lanyard/api/v1"
	"github.com/lanyard-project/lanyard/internal/cluster/match"
	"github.com/lanyard-project/lanyard/internal/cluster/scaleset"
)

// Identities reports on AzureIdentity objects. All fields have to be set.
type Identities struct {
	Kube     client.Client
	Recorder record.EventRecorder
	Rules    match.Rules
}

// Reconcile makes one pass over an identity.
func (r *Identities) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	var identity aadpodid.AzureIdentity
	if err := r.Kube.Get(ctx, req.NamespacedName, &identity); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	reported := identity.DeepCopy()
	status := &reported.Status
	fresh := status.ObservedGeneration != identity.Generation
	status.ObservedGeneration = identity.Generation
	unusable := r.Rules.Usable(&identity)
	meta.SetStatusCondition(&status.Conditions, valid(&identity, unusable))

	if identity.Spec.Type != aadpodid.UserAssignedMSI || unusable != nil {
		meta.RemoveStatusCondition(&status.Conditions, aadpodid.ConditionVerified)
		return reconcile.Result{}, write(ctx, r.Kube, &identity, reported)
	}
	seen, err := r.seen(ctx, &identity)
	if err != nil {
		return reconcile.Result{}, err
	}
	before := meta.FindStatusCondition(identity.Status.Conditions, aadpodid.ConditionVerified)
	switch {
	case seen.Reason != "":
		meta.SetStatusCondition(&status.Conditions, seen)
	case before == nil || fresh: // what was known of it is known still while no pod has it
		meta.SetStatusCondition(&status.Conditions, metav1.Condition{
			Type: aadpodid.ConditionVerified, Status: metav1.ConditionUnknown, Reason: "NotAssignedYet", ObservedGeneration: identity.Generation,
			Message: "No pod has had the identity as the object stands, so that Azure wasn't asked about it.",
		})
	}
	if err := write(ctx, r.Kube, &identity, reported); err != nil {
		return reconcile.Result{}, err
	}
	if seen.Reason == scaleset.ReasonClientIDMismatch && (before == nil || before.Reason != seen.Reason) {
		r.Recorder.Event(&identity, corev1.EventTypeWarning, scaleset.ReasonClientIDMismatch, seen.Message)
	}
	return reconcile.Result{}, nil
}

func valid(identity *aadpodid.AzureIdentity, unusable error) metav1.Condition {
	c := metav1.Condition{
		Type: aadpodid.ConditionValid, Status: metav1.ConditionTrue, Reason: "Usable", ObservedGeneration: identity.Generation,
	}
	if unusable != nil {
		c.Status, c.Reason, c.Message = metav1.ConditionFalse, "Unusable", "No pod can be given this identity: "+unusable.Error()
	}
	return c
}

// seen is what the assigned identities tell of an identity as it stands: that of
// the gravest news. It has no reason when they tell nothing.
func (r *Identities) seen(ctx context.Context, identity *aadpodid.AzureIdentity) (metav1.Condition, error) {
	var list aadpodid.AzureAssignedIdentityList
	key := match.Key(identity.Namespace, identity.Name)
	if err := r.Kube.List(ctx, &list, client.MatchingFields{byIdentity: key}, client.UnsafeDisableDeepCopy); err != nil {
		return metav1.Condition{}, fmt.Errorf("listing assigned identities: %w", err)
	}
	verified := metav1.Condition{Type: aadpodid.ConditionVerified, ObservedGeneration: identity.Generation}
	grave := 0
	for i := range list.Items {
		a := &list.Items[i]
		ref := a.Spec.AzureIdentityRef
		if ref.UID != identity.UID || ref.Spec.ClientID != identity.Spec.ClientID || ref.Spec.ResourceID != identity.Spec.ResourceID {
			continue
		}
		c := meta.FindStatusCondition(a.Status.Conditions, aadpodid.ConditionAssigned)
		if c == nil || gravity(c.Reason) <= grave {
			continue
		}
		grave = gravity(c.Reason)
		if c.Reason == scaleset.ReasonAssigned {
			verified.Status, verified.Reason, verified.Message = metav1.ConditionTrue, "ClientIDMatches", "Azure has the identity, and clientID is that of resourceID."
		} else {
			verified.Status, verified.Reason, verified.Message = metav1.ConditionFalse, c.Reason, c.Message
		}
	}
	return verified, nil
}

// gravity orders what concerns the identity itself; 0 is what doesn't.
func gravity(reason string) int {
	switch reason {
	case scaleset.ReasonAssigned:
		return 1
	case scaleset.ReasonNotAuthorized:
		return 2
	case scaleset.ReasonRefused:
		return 3
	case scaleset.ReasonClientIDMismatch:
		return 4
	}
	return 0
}

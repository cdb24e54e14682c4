package scaleset

import (
	"context"
	"fmt"
	"net/http"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	aadpodid "github.com/lanyard-project/lanyard/api/v1"
)

// Reasons of the condition Assigned.
const (
	ReasonAssigned         = "Assigned"
	ReasonWaiting          = "WaitingForAzure"
	ReasonNotInAzure       = "NodeNotInAzure"
	ReasonClientIDMismatch = "ClientIDMismatch"
	ReasonNotAuthorized    = "NotAuthorized"
	ReasonRefused          = "IdentityRefused"
	ReasonAbsent           = "ScaleSetGone"
	ReasonThrottled        = "Throttled"
	ReasonUnreachable      = "AzureUnreachable"
	ReasonFailed           = "AzureFailed"
)

// mostMessage bounds what is kept of a message of Azure's.
const mostMessage = 1024

// Condition makes the condition Assigned.
func Condition(reason, message string) metav1.Condition {
	c := metav1.Condition{Type: aadpodid.ConditionAssigned, Status: metav1.ConditionFalse, Reason: reason, Message: message}
	if reason == ReasonAssigned {
		c.Status = metav1.ConditionTrue
	}
	if len(c.Message) > mostMessage {
		c.Message = c.Message[:mostMessage-3] + "..."
	}
	return c
}

// reasonOf names what a fault means for those who wait, from a closed set.
func reasonOf(f *Fault) string {
	switch {
	case f.Code == "LinkedAuthorizationFailed", f.Code == "AuthorizationFailed":
		return ReasonNotAuthorized
	case f.Code == heldBack, f.status == http.StatusTooManyRequests:
		return ReasonThrottled
	case f.Blame == BlameIdentity:
		return ReasonRefused
	case f.Blame == BlameAbsence:
		return ReasonAbsent
	case f.Code == "":
		return ReasonUnreachable
	}
	return ReasonFailed
}

// setCondition sets the condition in an object and reports whether its reason is
// news. A message that alone differs, by a time for instance, isn't worth a write.
func (r *Reconciler) setCondition(a *aadpodid.AzureAssignedIdentity, c metav1.Condition) bool {
	if known := meta.FindStatusCondition(a.Status.Conditions, c.Type); known != nil && known.Reason == c.Reason && known.Status == c.Status {
		return false
	}
	c.LastTransitionTime = metav1.NewTime(r.Clock.Now())
	meta.SetStatusCondition(&a.Status.Conditions, c)
	return true
}

// waiting is what is to be written about somebody who waits.
type waiting struct {
	a *aadpodid.AzureAssignedIdentity
	c metav1.Condition
}

// note writes conditions of those who wait for a reason that lasts. Nothing
// depends on these writes: who doesn't get his has the event.
func (r *Reconciler) note(ctx context.Context, list []waiting) error {
	writes, ctx := errgroup.WithContext(ctx)
	writes.SetLimit(max(1, r.Writers))
	for _, w := range list {
		changed := w.a.DeepCopy()
		if !r.setCondition(changed, w.c) {
			continue
		}
		writes.Go(func() error {
			err := r.Kube.Patch(ctx, changed, client.MergeFromWithOptions(w.a, client.MergeFromWithOptimisticLock{}))
			if err != nil && !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) {
				return fmt.Errorf("noting why assigned identity %s/%s waits: %w", w.a.Namespace, w.a.Name, err)
			}
			return nil
		})
	}
	return writes.Wait()
}

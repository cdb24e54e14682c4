package scaleset

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	aadpodid "github.com/lanyard-project/lanyard/api/v1"
)

// repeatEventAfter is how long the same news isn't told again.
const repeatEventAfter = 10 * time.Minute

const applyError = "binding apply error"

// explain says why an assigned identity isn't Assigned, with the way to fix it,
// and returns the condition that says so too; without a reason if none is known.
func (r *Reconciler) explain(a *aadpodid.AzureAssignedIdentity, identity string, set ID, clientID string, there bool, m *memory) metav1.Condition {
	ref := a.Spec.AzureIdentityRef
	name := ref.Namespace + "/" + ref.Name
	switch {
	case there && clientID != "":
		text := fmt.Sprintf("AzureIdentity %s says clientID %q, but %s has client ID %s. "+
			"No token is given while they differ: correct spec.clientID or spec.resourceID.", name, ref.Spec.ClientID, ref.Spec.ResourceID, clientID)
		r.tell(m, a, text)
		return Condition(ReasonClientIDMismatch, text)
	case m.identities[identity].fault != nil:
		fault := m.identities[identity].fault
		text := r.advice(fault, identity, set)
		r.tell(m, a, text)
		return Condition(reasonOf(fault), text)
	}
	return metav1.Condition{}
}

// explainAll tells everybody who waits why the scale set can't be changed.
func (r *Reconciler) explainAll(ctx context.Context, m *memory, d demand, set ID) error {
	fault := m.all.fault
	if fault == nil {
		return nil
	}
	// A single failure is no news for an object that waits anyway.
	lasts := m.all.failures > 1 || fault.Blame == BlameAbsence || reasonOf(fault) == ReasonNotAuthorized
	var list []waiting
	for identity, u := range d {
		for _, a := range u.live {
			if a.Status.Status == aadpodid.StateAssigned {
				continue
			}
			text := r.advice(fault, identity, set)
			r.tell(m, a, text)
			if lasts {
				list = append(list, waiting{a, Condition(reasonOf(fault), text)})
			}
		}
	}
	return r.note(ctx, list)
}

// explainRefused tells those who came while Azure's refusal of their identity
// still holds.
func (r *Reconciler) explainRefused(ctx context.Context, m *memory, d demand, set ID) error {
	var list []waiting
	for identity := range m.identities {
		for _, a := range d[identity].live {
			if a.Status.Status == aadpodid.StateAssigned {
				continue
			}
			if c := r.explain(a, identity, set, "", false, m); c.Reason != "" {
				list = append(list, waiting{a, c})
			}
		}
	}
	return r.note(ctx, list)
}

// advice words a fault together with what to do about it.
func (r *Reconciler) advice(f *Fault, identity string, set ID) string {
	who := r.SignedInAs
	if who == "" {
		who = "<client ID that mic signs in with>"
	}
	var fix string
	switch {
	case f.Code == "LinkedAuthorizationFailed":
		fix = fmt.Sprintf(`mic may not assign this identity: az role assignment create --role "Managed Identity Operator" --assignee %s --scope %s`, who, identity)
	case f.Code == "AuthorizationFailed":
		fix = fmt.Sprintf(`mic may not change it: az role assignment create --role "Virtual Machine Contributor" --assignee %s `+
			`--scope /subscriptions/%s/resourceGroups/%s`, who, set.Subscription, set.ResourceGroup)
	case f.Blame == BlameIdentity:
		fix = fmt.Sprintf("check that %s exists and that spec.resourceID of the AzureIdentity is right", identity)
	case f.Blame == BlameAbsence:
		fix = fmt.Sprintf("%s %s is gone: the pod needs another node", set.Kind(), set.Name)
	case f.RetryAfter > 0:
		fix = fmt.Sprintf("Azure asked to wait %s; mic tries again then", f.RetryAfter.Round(time.Second))
	case f.Code == "":
		fix = "mic got no answer from Azure Resource Manager or no token to ask it with, and tries again"
	default:
		fix = "mic tries again"
	}
	return fmt.Sprintf("Identity not yet on %s %s. To fix it: %s. (%s)", set.Kind(), set.Name, fix, f.Error())
}

// tell sends a warning unless the same was said a short while ago.
func (r *Reconciler) tell(m *memory, a *aadpodid.AzureAssignedIdentity, text string) {
	now := r.Clock.Now()
	if told := m.told[a.UID]; told.text == text && now.Sub(told.at) < repeatEventAfter {
		return
	}
	m.told[a.UID] = telling{text: text, at: now}
	// On the binding, where its author looks, and on the assigned identity as well.
	if b := a.Spec.AzureBindingRef; b != nil && b.UID != "" {
		r.Recorder.Event(b, corev1.EventTypeWarning, applyError, fmt.Sprintf("pod %s/%s: %s", a.Spec.PodNamespace, a.Spec.Pod, text))
	}
	r.Recorder.Event(a, corev1.EventTypeWarning, applyError, text)
}

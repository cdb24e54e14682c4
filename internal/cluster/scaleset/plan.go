package scaleset

import (
	"iter"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	aadpodid "github.com/lanyard-project/lanyard/api/v1"
	"github.com/lanyard-project/lanyard/internal/cluster/match"
)

// Annotations that mic puts on assigned identities, for itself.
const (
	// ScaleSetAnnotation is the resource ID of the scale set that the
	// assignment is about, so that it can be undone after the node has gone.
	ScaleSetAnnotation = "lanyard-project.github.io/scale-set"
	// InstanceAnnotation is the mic process that created the object; one without
	// it is of aad-pod-identity.
	InstanceAnnotation = "lanyard-project.github.io/created-by"
	// FoundAnnotation marks an identity that was on the scale set before mic
	// wanted it there: it stays when the last pod goes.
	FoundAnnotation = "lanyard-project.github.io/found-in-place"
	// PutAnnotation marks an identity that mic has put on the scale set.
	PutAnnotation = "lanyard-project.github.io/put-in-place"
	// PuttingAnnotation has the identities of a PATCH that is about to be sent, on
	// one of the objects that it is for: should this mic die before it can mark
	// each, the next one knows whose work they are. See ledger.go.
	PuttingAnnotation = "lanyard-project.github.io/putting-in-place"
)

// users are the assigned identities that are about one identity.
type users struct {
	live    []*aadpodid.AzureAssignedIdentity
	leaving []*aadpodid.AzureAssignedIdentity
	// revoked are about to be deleted: they get no state any more, and until
	// their deletion is there nothing is taken away for them. What they say of
	// whose work the identity is counts as what the others say.
	revoked []*aadpodid.AzureAssignedIdentity
}

// all are all of them.
func (u *users) all() iter.Seq[*aadpodid.AzureAssignedIdentity] {
	return each(u.live, u.revoked, u.leaving)
}

// staying are those who are not being deleted.
func (u *users) staying() iter.Seq[*aadpodid.AzureAssignedIdentity] { return each(u.live, u.revoked) }

func each(lists ...[]*aadpodid.AzureAssignedIdentity) iter.Seq[*aadpodid.AzureAssignedIdentity] {
	return func(yield func(*aadpodid.AzureAssignedIdentity) bool) {
		for _, list := range lists {
			for _, a := range list {
				if !yield(a) {
					return
				}
			}
		}
	}
}

func anyOf(some iter.Seq[*aadpodid.AzureAssignedIdentity], is func(*aadpodid.AzureAssignedIdentity) bool) bool {
	for a := range some {
		if is(a) {
			return true
		}
	}
	return false
}

// demand is what the cluster wants of one scale set, by identity.
type demand map[string]*users

// demandOf sorts assigned identities. One whose identity has no usable resource
// ID has never been anywhere; it is filed under the empty ID.
func demandOf(assigned []*aadpodid.AzureAssignedIdentity) demand {
	d := demand{}
	for _, a := range assigned {
		id := ""
		if ref := a.Spec.AzureIdentityRef; ref != nil {
			if parsed, err := match.ResourceID(ref); err == nil {
				id = parsed
			}
		}
		u := d[id]
		if u == nil {
			u = &users{}
			d[id] = u
		}
		switch {
		case !a.DeletionTimestamp.IsZero():
			u.leaving = append(u.leaving, a)
		case a.Status.Status == aadpodid.StateUnassigned:
			u.revoked = append(u.revoked, a)
		default:
			u.live = append(u.live, a)
		}
	}
	return d
}

// found reports whether the identity was on the scale set before us. That mic has
// put it there is the later word: somebody had removed it in between.
func (u *users) found() bool {
	return !anyOf(u.all(), isPut) && anyOf(u.all(), func(a *aadpodid.AzureAssignedIdentity) bool { return a.Annotations[FoundAnnotation] != "" })
}

// saysPut reports whether an object says that mic, or aad-pod-identity before it,
// has put its identity on the scale set.
func saysPut(a *aadpodid.AzureAssignedIdentity) bool {
	return isPut(a) || a.Annotations[InstanceAnnotation] == "" || a.Status.Status == aadpodid.StateAssigned
}

// lastLeft returns when the last user went. Only for identities without live users.
func (u *users) lastLeft() time.Time {
	var last metav1.Time
	for _, a := range u.leaving {
		if last.Before(a.DeletionTimestamp) {
			last = *a.DeletionTimestamp
		}
	}
	return last.Time
}

// plan returns the changes that make a scale set what the cluster wants, in a
// stable order, and when the next one falls due (zero: none waits).
func (r *Reconciler) plan(d demand, state State, m *memory) (changes []Change, next time.Time) {
	now := r.Clock.Now()
	for id, u := range d {
		_, there := state.ClientIDs[id]
		add := !there && len(u.live) > 0
		remove := there && len(u.live) == 0 && len(u.revoked) == 0 && r.mayRemove(id, u, state, m)
		if id == "" || (!add && !remove) {
			continue
		}
		due := m.identities[id].until
		if remove {
			due = latest(due, u.lastLeft().Add(r.Linger))
		}
		if due.After(now) {
			next = soonest(next, due)
			continue
		}
		changes = append(changes, Change{Identity: id, Remove: remove})
	}
	sortChanges(changes)
	return changes, next
}

// mayRemove reports whether an identity without users is to leave the scale set:
// only what is there because of mic does. Whoever may write an AzureIdentity
// could otherwise take any identity away from the nodes, by a pod that never got it.
func (r *Reconciler) mayRemove(id string, u *users, state State, m *memory) bool {
	return m.ours[id] && !u.found() && !r.Protected.Has(id, state.ClientIDs[id])
}

// mayCome reports whether an identity without users that isn't on the scale set
// may be brought there by an operation under way, begun by a mic that died since.
func (r *Reconciler) mayCome(id string, u *users, state State) bool {
	_, there := state.ClientIDs[id]
	return state.Updating && !there && len(u.live) == 0 && len(u.leaving) > 0
}

func soonest(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

package scaleset

import (
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	aadpodid "github.com/lanyard-project/lanyard/api/v1"
	"github.com/lanyard-project/lanyard/internal/cluster/match"
)

// placements are what passes have found to be on their scale sets and don't mean to
// take away. Another pod for which an identity is there already is given it by the
// very write that makes its object: no other write, no call to Azure, no wait.
// Whom one was given is known here until a pass has seen the object: a pass that
// began before doesn't take the identity away.
// Its zero value is ready for use.
type placements struct {
	mu     sync.Mutex
	sets   map[ID]map[string]placement // by resource ID in lower case
	coming map[ID]map[types.NamespacedName]arrival
}

// arrival is an object that is being written and that no pass has seen.
type arrival struct {
	identity string
	until    time.Time // it is given up then: it was never written
}

// mostComing is how long an object may take to be written and seen.
const mostComing = 10 * time.Second

// placement is an identity on a scale set.
type placement struct {
	clientID string
	found    bool // before mic came
}

// take gives an object an identity that is on the scale set.
func (p *placements) take(set ID, identity, clientID string, object types.NamespacedName, until time.Time) (placement, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	there, ok := p.sets[set][identity]
	if !ok || !strings.EqualFold(there.clientID, clientID) {
		return placement{}, false
	}
	if p.coming == nil {
		p.coming = map[ID]map[types.NamespacedName]arrival{}
	}
	if p.coming[set] == nil {
		p.coming[set] = map[types.NamespacedName]arrival{}
	}
	p.coming[set][object] = arrival{identity: identity, until: until}
	return there, true
}

// seen ends the waiting for objects that a pass knows of.
func (p *placements) seen(set ID, assigned []*aadpodid.AzureAssignedIdentity) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range assigned {
		if a.DeletionTimestamp.IsZero() { // else it may be an older one of the same name
			delete(p.coming[set], client.ObjectKeyFromObject(a))
		}
	}
	if len(p.coming[set]) == 0 {
		delete(p.coming, set)
	}
}

// missed ends the waiting for an object that won't come.
func (p *placements) missed(set ID, object types.NamespacedName) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.coming[set], object)
}

// clear gives nobody any more what the changes take away, and returns the changes
// without those that would take an identity from an object on its way, and until
// when these wait at most.
func (p *placements) clear(set ID, changes []Change, now time.Time) (may []Change, wait time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range changes {
		var until time.Time
		if c.Remove {
			delete(p.sets, set)
			for _, a := range p.coming[set] {
				if a.identity == c.Identity && a.until.After(now) {
					until = latest(until, a.until)
				}
			}
		}
		if until.IsZero() {
			may = append(may, c)
		}
		wait = soonest(wait, until)
	}
	return may, wait
}

func (p *placements) publish(set ID, there map[string]placement) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sets == nil {
		p.sets = map[ID]map[string]placement{}
	}
	p.sets[set] = there
}

func (p *placements) withdraw(set ID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.sets, set)
}

// publish says what a pass has found.
func (r *Reconciler) publish(id ID, d demand, state State, m *memory) {
	there := map[string]placement{}
	for identity := range d {
		if clientID := state.ClientIDs[identity]; clientID != "" {
			there[identity] = placement{clientID: clientID, found: !m.ours[identity]}
		}
	}
	r.placed.publish(id, there)
}

// Place marks a new assigned identity, before it is written, as Assigned if it is
// known that its identity is on its scale set, with the client ID that the
// AzureIdentity says, and reports whether it is. From then on no pass takes the
// identity away that hasn't seen the object, or heard of it by Placed.
func (r *Reconciler) Place(a *aadpodid.AzureAssignedIdentity) bool {
	set, err := ParseID(a.Annotations[ScaleSetAnnotation])
	if err != nil || a.Spec.AzureIdentityRef == nil || a.Spec.AzureIdentityRef.Spec.Type != aadpodid.UserAssignedMSI {
		return false
	}
	identity, err := match.ResourceID(a.Spec.AzureIdentityRef)
	if err != nil {
		return false
	}
	now := r.Clock.Now()
	there, ok := r.placed.take(set, identity, a.Spec.AzureIdentityRef.Spec.ClientID, client.ObjectKeyFromObject(a), now.Add(mostComing))
	if !ok {
		return false
	}
	a.Status.Status = aadpodid.StateAssigned
	condition := Condition(ReasonAssigned, "")
	condition.LastTransitionTime = metav1.NewTime(now)
	a.Status.Conditions = []metav1.Condition{condition}
	enter(a, there.found, false)
	return true
}

// Placed hears what became of writing an object that Place has marked: it counts
// and tells of one that is there.
func (r *Reconciler) Placed(a *aadpodid.AzureAssignedIdentity, err error) {
	if err != nil {
		if set, bad := ParseID(a.Annotations[ScaleSetAnnotation]); bad == nil && refusedWrite(err) {
			r.placed.missed(set, client.ObjectKeyFromObject(a))
		}
		return
	}
	r.Metrics.assigned(0)
	var one applied
	one.add(a)
	one.tell(r)
}

// refusedWrite reports whether the object certainly wasn't written.
func refusedWrite(err error) bool {
	return apierrors.IsAlreadyExists(err) || apierrors.IsInvalid(err) || apierrors.IsForbidden(err) ||
		apierrors.IsNotFound(err) || apierrors.IsBadRequest(err) || apierrors.IsTooManyRequests(err)
}

package scaleset

import (
	"strings"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	aadpodid "github.com/lanyard-project/lanyard/api/v1"
	"github.com/lanyard-project/lanyard/internal/cluster/match"
)

// placements are what passes have found to be on their scale sets and don't mean to
// take away. Another pod for which an identity is there already is given it by the
// very write that makes its object: no other write, no call to Azure, no wait.
// Its zero value is ready for use.
type placements struct {
	mu   sync.RWMutex
	sets map[ID]map[string]placement // by resource ID in lower case
}

// placement is an identity on a scale set.
type placement struct {
	clientID string
	found    bool // before mic came
}

func (p *placements) of(set ID, identity string) (placement, bool) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	there, ok := p.sets[set][identity]
	return there, ok
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
// AzureIdentity says, and reports whether it is. A pass may be about to take the
// identity away at this moment; the next one sees who came, and brings it back.
func (r *Reconciler) Place(a *aadpodid.AzureAssignedIdentity) bool {
	set, err := ParseID(a.Annotations[ScaleSetAnnotation])
	if err != nil || a.Spec.AzureIdentityRef == nil || a.Spec.AzureIdentityRef.Spec.Type != aadpodid.UserAssignedMSI {
		return false
	}
	identity, err := match.ResourceID(a.Spec.AzureIdentityRef)
	if err != nil {
		return false
	}
	there, ok := r.placed.of(set, identity)
	if !ok || !strings.EqualFold(there.clientID, a.Spec.AzureIdentityRef.Spec.ClientID) {
		return false
	}
	a.Status.Status = aadpodid.StateAssigned
	condition := Condition(ReasonAssigned, "")
	condition.LastTransitionTime = metav1.NewTime(r.Clock.Now())
	a.Status.Conditions = []metav1.Condition{condition}
	enter(a, there.found)
	return true
}

// Placed counts and tells of one that was written as Place has marked it.
func (r *Reconciler) Placed(a *aadpodid.AzureAssignedIdentity) {
	r.Metrics.assigned(0)
	var one applied
	one.add(a)
	one.tell(r)
}

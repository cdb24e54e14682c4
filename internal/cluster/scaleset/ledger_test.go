package scaleset

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	aadpodid "github.com/lanyard-project/lanyard/api/v1"
)

// A mic that has just started knows whose work an identity on a scale set is by what the assigned identities say, in whatever state
// the one before left them: also of one that it has marked as Unassigned and couldn't delete any more. Otherwise it would take its
// own work for somebody else's and leave it there for ever.
func TestNewMicKnowsWhoseWorkAnIdentityIs(t *testing.T) {
	object := func(status string, deleted bool, annotations ...string) *aadpodid.AzureAssignedIdentity {
		a := assignedIdentity("")
		a.Annotations[InstanceAnnotation] = "an earlier mic"
		for _, mark := range annotations {
			a.Annotations[mark] = "true"
			if mark == PuttingAnnotation {
				a.Annotations[mark] = anIdentity
			}
		}
		a.Status.Status = status
		if deleted {
			a.DeletionTimestamp = &metav1.Time{Time: time.Unix(0, 0)}
		}
		return a
	}
	fresh := object(aadpodid.StateCreated, false)
	for name, test := range map[string]struct {
		objects []*aadpodid.AzureAssignedIdentity
		ours    bool
	}{
		"nobody says anything":                 {[]*aadpodid.AzureAssignedIdentity{fresh}, false},
		"one in use says that it was put":      {[]*aadpodid.AzureAssignedIdentity{fresh, object(aadpodid.StateAssigned, false, PutAnnotation)}, true},
		"one that leaves does":                 {[]*aadpodid.AzureAssignedIdentity{fresh, object(aadpodid.StateUnassigned, true, PutAnnotation)}, true},
		"one that is to leave does":            {[]*aadpodid.AzureAssignedIdentity{fresh, object(aadpodid.StateUnassigned, false, PutAnnotation)}, true},
		"one that is to leave was to be put":   {[]*aadpodid.AzureAssignedIdentity{fresh, object(aadpodid.StateUnassigned, false, PuttingAnnotation)}, true},
		"one in use says that it was found":    {[]*aadpodid.AzureAssignedIdentity{fresh, object(aadpodid.StateAssigned, false, FoundAnnotation)}, false},
		"one that is to leave does, of before": {[]*aadpodid.AzureAssignedIdentity{fresh, object(aadpodid.StateUnassigned, false, FoundAnnotation)}, false},
		"it was found, taken away, and put": {[]*aadpodid.AzureAssignedIdentity{
			object(aadpodid.StateUnassigned, true, FoundAnnotation), object(aadpodid.StateAssigned, false, PutAnnotation),
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			d, m := demandOf(test.objects), newMemory()
			(&Reconciler{}).claim(d, State{ClientIDs: map[string]string{anIdentity: "client"}}, m)
			if m.ours[anIdentity] != test.ours {
				t.Errorf("taken for mic's work: %v, want %v", m.ours[anIdentity], test.ours)
			}
		})
	}
}

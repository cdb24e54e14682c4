package scaleset

import (
	"errors"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clocktesting "k8s.io/utils/clock/testing"

	aadpodid "github.com/lanyard-project/lanyard/api/v1"
)

const (
	aSet       = "/subscriptions/s/resourcegroups/g/providers/microsoft.compute/virtualmachinescalesets/pool"
	anIdentity = "/subscriptions/s/resourcegroups/g/providers/microsoft.managedidentity/userassignedidentities/web"
)

func assignedIdentity(name string) *aadpodid.AzureAssignedIdentity {
	return &aadpodid.AzureAssignedIdentity{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, Annotations: map[string]string{ScaleSetAnnotation: aSet}},
		Spec: aadpodid.AzureAssignedIdentitySpec{AzureIdentityRef: &aadpodid.AzureIdentity{
			Spec: aadpodid.AzureIdentitySpec{Type: aadpodid.UserAssignedMSI, ResourceID: anIdentity, ClientID: "client"},
		}},
	}
}

// A pass that takes the last user's identity away, and a pod that comes after the
// pass has read who there is: if the pod was told that it has the identity, it has.
func TestWhatAPodWasGivenIsNotTakenAwayByAPassThatDidNotSeeIt(t *testing.T) {
	exists := apierrors.NewAlreadyExists(schema.GroupResource{}, "second")
	for name, c := range map[string]struct {
		then  func(r *Reconciler, second *aadpodid.AzureAssignedIdentity, set ID, clock *clocktesting.FakeClock)
		taken bool
	}{
		"it is on its way": {func(*Reconciler, *aadpodid.AzureAssignedIdentity, ID, *clocktesting.FakeClock) {}, false},
		"nobody knows whether it was written": {func(r *Reconciler, second *aadpodid.AzureAssignedIdentity, _ ID, _ *clocktesting.FakeClock) {
			r.Placed(second, errors.New("connection reset by peer"))
		}, false},
		"it wasn't written": {func(r *Reconciler, second *aadpodid.AzureAssignedIdentity, _ ID, _ *clocktesting.FakeClock) {
			r.Placed(second, exists)
		}, true},
		"it never came": {func(_ *Reconciler, _ *aadpodid.AzureAssignedIdentity, _ ID, clock *clocktesting.FakeClock) {
			clock.Step(mostComing)
		}, true},
		"it has been seen, and has gone since": {func(r *Reconciler, second *aadpodid.AzureAssignedIdentity, set ID, _ *clocktesting.FakeClock) {
			r.placed.seen(set, []*aadpodid.AzureAssignedIdentity{second})
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			clock := clocktesting.NewFakeClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
			metrics, err := NewMetrics(prometheus.NewRegistry())
			if err != nil {
				t.Fatal(err)
			}
			azure := &picky{state: map[string]string{anIdentity: "client"}}
			r := &Reconciler{Azure: azure, Clock: clock, Metrics: metrics, Backoff: time.Second, MostBackoff: time.Minute}
			set, err := ParseID(aSet)
			if err != nil {
				t.Fatal(err)
			}
			first := assignedIdentity("first")
			gone := metav1.NewTime(clock.Now())
			first.DeletionTimestamp = &gone
			d, m := demandOf([]*aadpodid.AzureAssignedIdentity{first}), newMemory()
			m.ours[anIdentity] = true
			state := State{ClientIDs: map[string]string{anIdentity: "client"}}
			r.publish(set, d, state, m)

			second := assignedIdentity("second")
			if !r.Place(second) || second.Status.Status != aadpodid.StateAssigned {
				t.Fatalf("the pod wasn't given what is there: %+v", second.Status)
			}
			c.then(r, second, set, clock)
			after, next, err := r.bring(t.Context(), set, d, state, m)
			if err != nil {
				t.Fatal(err)
			}
			if _, there := after.ClientIDs[anIdentity]; there == c.taken {
				t.Errorf("the identity is on the scale set: %v, want %v", there, !c.taken)
			}
			if !c.taken && next.IsZero() {
				t.Error("nobody looks again")
			}
			if r.Place(assignedIdentity("third")) {
				t.Error("a pod was given what is being taken away")
			}
		})
	}
}

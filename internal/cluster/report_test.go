package cluster_test

import (
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	aadpodid "github.com/lanyard-project/lanyard/api/v1"
	"github.com/lanyard-project/lanyard/internal/cluster/armtest"
)

// awaitCondition waits for "Status Reason" of a condition, about the object as
// it stands where the kind can tell.
func (l *lab) awaitCondition(o client.Object, kind, want string) {
	l.t.Helper()
	l.until(func() string {
		if err := l.kube.Get(l.t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
			return err.Error()
		}
		var conditions []metav1.Condition
		observed := o.GetGeneration()
		switch o := o.(type) {
		case *aadpodid.AzureIdentity:
			conditions, observed = o.Status.Conditions, o.Status.ObservedGeneration
		case *aadpodid.AzureIdentityBinding:
			conditions, observed = o.Status.Conditions, o.Status.ObservedGeneration
		case *aadpodid.AzureAssignedIdentity:
			conditions = o.Status.Conditions
		}
		c := meta.FindStatusCondition(conditions, kind)
		if c == nil || string(c.Status)+" "+c.Reason != want || observed != o.GetGeneration() {
			return fmt.Sprintf("want %s %s of generation %d, got %+v of %d", kind, want, o.GetGeneration(), conditions, observed)
		}
		return ""
	})
}

// Each object tells its own part of why a pod has no token.
func TestObjectsTellWhereTheyStand(t *testing.T) {
	l := newLab(t)
	node, _ := l.scaleSet("pool", 0)
	identity, binding := l.bound(l.ns, "web", "web")
	assigned := &aadpodid.AzureAssignedIdentity{ObjectMeta: namedIn("default", "demo-"+l.ns+"-web")}
	l.mic()
	l.awaitCondition(binding, "Bound", "True IdentityFound")
	l.awaitCondition(identity, "Valid", "True Usable")
	l.awaitCondition(identity, "Verified", "Unknown NotAssignedYet")

	l.pod(l.ns, "demo", "web", node)
	l.awaitCondition(assigned, "Assigned", "True Assigned")
	l.awaitCondition(identity, "Verified", "True ClientIDMatches")

	change(l, identity, func(i *aadpodid.AzureIdentity) { i.Spec.ClientID = "client-of-victim" })
	l.awaitCondition(assigned, "Assigned", "False ClientIDMismatch")
	l.awaitCondition(identity, "Verified", "False ClientIDMismatch")
	l.awaitEvent("AzureIdentity", "web", "client-of-victim", "client-of-web")

	l.arm.SetIdentity(resourceID("hidden"), &armtest.Identity{ClientID: "c", Forbidden: true})
	change(l, identity, func(i *aadpodid.AzureIdentity) { i.Spec.ResourceID = resourceID("hidden") })
	l.awaitCondition(identity, "Verified", "False NotAuthorized")

	change(l, identity, func(i *aadpodid.AzureIdentity) { i.Spec.ResourceID = resourceID("nowhere") })
	l.awaitCondition(identity, "Verified", "False IdentityRefused")

	change(l, identity, func(i *aadpodid.AzureIdentity) { i.Spec.ResourceID = "" })
	l.awaitCondition(identity, "Valid", "False Unusable")
	l.delete(identity)
	l.awaitCondition(binding, "Bound", "False IdentityNotFound")
	l.awaitEvent("AzureIdentityBinding", binding.Name, "no AzureIdentity web", "spec.azureIdentity")
	change(l, binding, func(b *aadpodid.AzureIdentityBinding) { b.Spec.Selector = "" })
	l.awaitCondition(binding, "Bound", "False NoSelector")
}

package cluster_test

import (
	"fmt"
	"testing"

	aadpodid "github.com/lanyard-project/lanyard/api/v1"
	"github.com/lanyard-project/lanyard/internal/cluster/scaleset"
)

// Issue 533 once more: whoever may write an AzureIdentity could take any identity
// away from the nodes, by a pod that names it with a wrong client ID and goes.
func TestIdentityThatNoPodGotStays(t *testing.T) {
	for _, restart := range []bool{false, true} {
		t.Run(fmt.Sprintf("restart=%v", restart), func(t *testing.T) {
			l := newLab(t)
			node, set := l.scaleSet("pool", 0, resourceID("addon"))
			identity, _ := l.bound(l.ns, "addon", "web")
			change(l, identity, func(i *aadpodid.AzureIdentity) { i.Spec.ClientID = "client-of-nobody" })
			stop := l.mic()
			pod := l.pod(l.ns, "demo", "web", node)
			l.awaitEvent("AzureIdentityBinding", "addon-binding", `clientID "client-of-nobody"`)
			l.until(func() string {
				for _, a := range l.allAssigned() {
					if a.Annotations[scaleset.FoundAnnotation] != "" {
						return ""
					}
				}
				return "nothing says that the identity was there before"
			})
			if restart {
				stop()
				l.mic()
			}
			l.delete(pod)
			l.await()
			l.awaitAzure(set, "addon")
			if n := l.arm.Count("PATCH"); n != 0 {
				t.Errorf("the scale set was changed %d times", n)
			}
		})
	}
}

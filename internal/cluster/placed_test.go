package cluster_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	aadpodid "github.com/lanyard-project/lanyard/api/v1"
	"github.com/lanyard-project/lanyard/internal/cluster/armtest"
)

// A pod whose identity others have on its scale set needs nothing of Azure, and
// nothing more than the one write that makes its object.
func TestAnotherPodHasWhatIsThere(t *testing.T) {
	l := newLab(t)
	node, set := l.scaleSet("pool", 0, resourceID("was-there"))
	l.bound(l.ns, "web", "web")
	l.bound(l.ns, "was-there", "web")
	l.mic()
	first := l.pod(l.ns, "first", "web", node)
	l.await("default/first-"+l.ns+"-web=Assigned", "default/first-"+l.ns+"-was-there=Assigned")

	calls := len(l.arm.Calls())
	l.arm.Disturb(func(*http.Request) armtest.Disturbance {
		return armtest.Disturbance{Status: 500, Code: "InternalError"}
	})
	second := l.pod(l.ns, "second", "web", node)
	l.await("default/first-"+l.ns+"-web=Assigned", "default/first-"+l.ns+"-was-there=Assigned",
		"default/second-"+l.ns+"-web=Assigned", "default/second-"+l.ns+"-was-there=Assigned")
	for identity, mark := range map[string]string{"web": "put-in-place", "was-there": "found-in-place"} {
		var a aadpodid.AzureAssignedIdentity
		if err := l.kube.Get(t.Context(), types.NamespacedName{Namespace: "default", Name: "second-" + l.ns + "-" + identity}, &a); err != nil {
			t.Fatal(err)
		}
		if a.Generation != 1 || a.Annotations["lanyard-project.github.io/"+mark] == "" {
			t.Errorf("%s has been written %d times, with the annotations %v; want once, with %s", identity, a.Generation, a.Annotations, mark)
		}
	}
	if diff := cmp.Diff(calls, len(l.arm.Calls())); diff != "" {
		t.Errorf("calls to Azure (-before +after the second pod):\n%s", diff)
	}

	l.arm.Disturb(nil)
	l.delete(first)
	l.delete(second)
	l.await()
	l.awaitAzure(set, "was-there")
}

// Whoever comes while the last user's identity is being taken away has it in the end.
func TestComingWhileTheLastOneLeaves(t *testing.T) {
	l := newLab(t)
	node, set := l.scaleSet("pool", 2)
	l.bound(l.ns, "web", "web")
	l.mic()
	var last *corev1.Pod
	for i := range 15 {
		name := fmt.Sprintf("pod-%d", i)
		if last != nil {
			l.delete(last)
		}
		last = l.pod(l.ns, name, "web", node)
		l.await("default/" + name + "-" + l.ns + "-web=Assigned")
		l.awaitAzure(set, "web")
	}
	l.delete(last)
	l.await()
	l.awaitAzure(set)
}

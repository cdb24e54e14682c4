package cluster_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	aadpodid "github.com/lanyard-project/lanyard/api/v1"
	"github.com/lanyard-project/lanyard/internal/cluster"
	"github.com/lanyard-project/lanyard/internal/cluster/armtest"
)

// The end-to-end scenarios of aad-pod-identity that other tests don't hold, by their numbers in docs/migration.md.

// Scenario 7: identities go one after the other, in any order; exactly theirs disappears and all others stay.
func TestScenario07_IdentitiesGoInAnyOrder(t *testing.T) {
	l := newLab(t)
	node, set := l.scaleSet("pool", 0)
	identities := map[string]*aadpodid.AzureIdentity{}
	for i := range 5 {
		name := fmt.Sprintf("id%d", i)
		identities[name], _ = l.bound(l.ns, name, name)
		l.pod(l.ns, name, name, node)
	}
	l.mic()
	there := func() (states, azure []string) {
		for name := range identities {
			states, azure = append(states, "default/"+name+"-"+l.ns+"-"+name+"=Assigned"), append(azure, name)
		}
		return states, azure
	}
	states, azure := there()
	l.await(states...)
	l.awaitAzure(set, azure...)
	for _, i := range rand.Perm(5) {
		name := fmt.Sprintf("id%d", i)
		l.delete(identities[name])
		delete(identities, name)
		states, azure = there()
		l.await(states...)
		l.awaitAzure(set, azure...)
	}
}

// Scenario 8: 40 pods over 5 identities are all assigned; aad-pod-identity's suite gave it 150 s.
func TestScenario08_FortyPodsWithFiveIdentities(t *testing.T) {
	l := newLab(t)
	node, set := l.scaleSet("pool", 1)
	var names, states []string
	for i := range 5 {
		names = append(names, fmt.Sprintf("id%d", i))
		l.bound(l.ns, names[i], names[i])
	}
	l.mic()
	started := time.Now()
	for i := range 40 {
		pod, name := fmt.Sprintf("pod%d", i), names[i%5]
		l.pod(l.ns, pod, name, node)
		states = append(states, "default/"+pod+"-"+l.ns+"-"+name+"=Assigned")
	}
	l.await(states...)
	l.awaitAzure(set, names...)
	t.Logf("40 pods after %s with %d PATCHes", time.Since(started).Round(time.Millisecond), l.arm.Count("PATCH"))
}

// Scenario 10: pods on two instances of a scale set share an identity, which stays with the second when the first one goes.
func TestScenario10_OneIdentityOnTwoInstances(t *testing.T) {
	l := newLab(t)
	node, set := l.scaleSet("pool", 0)
	second := node + "-1"
	l.node(second, set+"/virtualMachines/1")
	l.bound(l.ns, "web", "web")
	l.mic()
	pod := l.pod(l.ns, "here", "web", node)
	l.pod(l.ns, "there", "web", second)
	l.await("default/here-"+l.ns+"-web=Assigned", "default/there-"+l.ns+"-web=Assigned")
	l.delete(pod)
	l.await("default/there-" + l.ns + "-web=Assigned")
	l.never("the identity left with a pod on another instance", func() bool { return len(l.azure(set)) != 1 })
}

// Scenario 11: somebody took the identity off the nodes; the pod's end is cleaned up all the same.
func TestScenario11_IdentityRemovedBehindMicsBack(t *testing.T) {
	l := newLab(t)
	node, set := l.scaleSet("pool", 0)
	l.bound(l.ns, "web", "web")
	l.mic(func(o *cluster.Options) { o.DriftInterval = time.Hour })
	pod := l.pod(l.ns, "demo", "web", node)
	l.await("default/demo-" + l.ns + "-web=Assigned")
	l.arm.Unassign(set, resourceID("web"))
	l.delete(pod)
	l.await()
	l.awaitAzure(set)
}

// Scenario 18: two identities that don't exist come to one that is assigned, and don't disturb it.
func TestScenario18_InvalidIdentitiesComeLater(t *testing.T) {
	l := newLab(t)
	node, set := l.scaleSet("pool", 0)
	l.bound(l.ns, "good", "good")
	l.mic()
	l.pod(l.ns, "good", "good", node)
	l.await("default/good-" + l.ns + "-good=Assigned")
	for _, bad := range []string{"bad1", "bad2"} {
		l.boundOnly(l.ns, bad, bad)
		l.pod(l.ns, bad, bad, node)
	}
	want := []string{"default/bad1-" + l.ns + "-bad1=Created", "default/bad2-" + l.ns + "-bad2=Created", "default/good-" + l.ns + "-good=Assigned"}
	l.await(want...)
	l.never("an invalid identity disturbed a valid one", func() bool { return len(l.states()) != 3 || len(l.azure(set)) != 1 })
	l.await(want...)
}

// Scenario 21, aad-pod-identity issue 1065: identities and bindings of the same names in two namespaces; each pod has those of its own.
func TestScenario21_SameNamesInTwoNamespaces_Issue1065(t *testing.T) {
	l := newLab(t)
	node, set := l.scaleSet("pool", 0)
	other := l.namespace("other-")
	namespaces := []string{l.ns, other}
	for _, ns := range namespaces {
		l.arm.SetIdentity(resourceID("of-"+ns), &armtest.Identity{ClientID: "client-of-" + ns})
		l.create(&aadpodid.AzureIdentity{
			ObjectMeta: namedIn(ns, "web"), Spec: aadpodid.AzureIdentitySpec{ResourceID: resourceID("of-" + ns), ClientID: "client-of-" + ns},
		})
		l.create(&aadpodid.AzureIdentityBinding{ObjectMeta: namedIn(ns, "web"), Spec: aadpodid.AzureIdentityBindingSpec{AzureIdentity: "web", Selector: "web"}})
	}
	l.mic()
	for _, ns := range namespaces {
		l.pod(ns, "demo", "web", node)
	}
	l.until(func() string {
		own := 0
		for _, a := range l.allAssigned() {
			if a.Status.Status == aadpodid.StateAssigned && a.Spec.AzureIdentityRef.Namespace == a.Spec.PodNamespace && a.Spec.AzureBindingRef.Namespace == a.Spec.PodNamespace {
				own++
			}
		}
		if own == 2 {
			return ""
		}
		return fmt.Sprint(l.states())
	})
	l.awaitAzure(set, "of-"+l.ns, "of-"+other)
}

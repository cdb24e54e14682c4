package cluster_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	aadpodid "github.com/lanyard-project/lanyard/api/v1"
	"github.com/lanyard-project/lanyard/internal/cluster"
)

func TestPodGetsItsIdentity(t *testing.T) {
	l := newLab(t)
	node, set := l.scaleSet("pool", 2)
	l.bound(l.ns, "web", "frontend")
	l.mic()
	l.pod(l.ns, "demo", "frontend", node)
	l.pod(l.ns, "other", "backend", node)

	name := "demo-" + l.ns + "-web"
	l.await("default/" + name + "=Assigned")
	l.awaitAzure(set, "web")

	var a aadpodid.AzureAssignedIdentity
	if err := l.kube.Get(t.Context(), types.NamespacedName{Namespace: "default", Name: name}, &a); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"nodename": node, "podname": "demo", "podnamespace": l.ns}, a.Labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"azureassignedidentity.finalizers.aadpodidentity.k8s.io"}, a.Finalizers); diff != "" {
		t.Errorf("finalizers (-want +got):\n%s", diff)
	}
	if a.Spec.Pod != "demo" || a.Spec.PodNamespace != l.ns || a.Spec.NodeName != node ||
		a.Spec.AzureIdentityRef.Spec.ResourceID != resourceID("web") || a.Spec.AzureBindingRef.Spec.Selector != "frontend" {
		t.Errorf("spec %+v", a.Spec)
	}
	if got := l.arm.Count("PATCH"); got != 1 {
		t.Errorf("%d PATCHes, want 1: %v", got, l.arm.Calls())
	}
}

func TestSharedIdentityGoesWithTheLastPod(t *testing.T) {
	l := newLab(t)
	node, set := l.scaleSet("pool", 0)
	l.bound(l.ns, "web", "web")
	l.mic()
	first := l.pod(l.ns, "first", "web", node)
	second := l.pod(l.ns, "second", "web", node)
	l.await("default/first-"+l.ns+"-web=Assigned", "default/second-"+l.ns+"-web=Assigned")

	l.delete(first)
	l.await("default/second-" + l.ns + "-web=Assigned")
	l.never("the identity left although a pod uses it", func() bool { return len(l.azure(set)) != 1 })
	if got := l.arm.Count("PATCH"); got != 1 {
		t.Errorf("%d PATCHes, want the one that added: %v", got, l.arm.Calls())
	}

	l.delete(second)
	l.await()
	l.awaitAzure(set)
	if got := l.arm.Count("PATCH"); got != 2 {
		t.Errorf("%d PATCHes, want two: %v", got, l.arm.Calls())
	}
}

// Deleting any of the three parts revokes at once: here Azure doesn't answer at all until it is done.
func TestRevocationDoesNotWaitForAzure(t *testing.T) {
	tests := []struct {
		name   string
		remove func(*aadpodid.AzureIdentity, *aadpodid.AzureIdentityBinding, *corev1.Pod) client.Object
	}{
		{"binding", func(_ *aadpodid.AzureIdentity, b *aadpodid.AzureIdentityBinding, _ *corev1.Pod) client.Object {
			return b
		}},
		{"identity", func(i *aadpodid.AzureIdentity, _ *aadpodid.AzureIdentityBinding, _ *corev1.Pod) client.Object {
			return i
		}},
		{"pod", func(_ *aadpodid.AzureIdentity, _ *aadpodid.AzureIdentityBinding, p *corev1.Pod) client.Object {
			return p
		}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			l := newLab(t)
			node, set := l.scaleSet("pool", 3)
			identity, binding := l.bound(l.ns, "web", "web")
			l.mic()
			pod := l.pod(l.ns, "demo", "web", node)
			name := "default/demo-" + l.ns + "-web"
			l.await(name + "=Assigned")

			answer := l.silenceAzure()
			l.delete(tc.remove(identity, binding, pod))
			l.await(name + "=-Unassigned")
			answer()
			l.await()
			l.awaitAzure(set)
		})
	}
}

func TestFinishedPodLosesItsIdentity(t *testing.T) {
	l := newLab(t)
	node, set := l.scaleSet("pool", 0)
	l.bound(l.ns, "web", "web")
	l.mic()
	pod := l.pod(l.ns, "job", "web", node)
	l.await("default/job-" + l.ns + "-web=Assigned")
	pod.Status.Phase = corev1.PodSucceeded
	if err := l.kube.Status().Update(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	l.await()
	l.awaitAzure(set)
}

func TestLabelEditMovesThePodToTheOtherIdentity(t *testing.T) {
	l := newLab(t)
	node, set := l.scaleSet("pool", 1)
	l.bound(l.ns, "web", "web")
	l.bound(l.ns, "db", "db")
	l.mic()
	pod := l.pod(l.ns, "demo", "web", node)
	l.await("default/demo-" + l.ns + "-web=Assigned")
	change(l, pod, func(p *corev1.Pod) { p.Labels[aadpodid.PodLabel] = "db" })
	l.await("default/demo-" + l.ns + "-db=Assigned")
	l.awaitAzure(set, "db")
	change(l, pod, func(p *corev1.Pod) { delete(p.Labels, aadpodid.PodLabel) })
	l.await()
	l.awaitAzure(set)
}

func TestIdentityEditReplacesWhatAzureHas(t *testing.T) {
	l := newLab(t)
	node, set := l.scaleSet("pool", 1)
	identity, _ := l.bound(l.ns, "web", "web")
	l.mic()
	l.pod(l.ns, "demo", "web", node)
	l.await("default/demo-" + l.ns + "-web=Assigned")
	l.bound(l.ns, "successor", "nobody")
	change(l, identity, func(i *aadpodid.AzureIdentity) {
		i.Spec.ResourceID, i.Spec.ClientID = resourceID("successor"), "client-of-successor"
	})
	l.awaitAzure(set, "successor")
	l.until(func() string {
		all := l.allAssigned()
		if len(all) == 1 && all[0].Status.Status == aadpodid.StateAssigned &&
			all[0].Spec.AzureIdentityRef.Spec.ClientID == "client-of-successor" {
			return ""
		}
		return fmt.Sprint(l.states())
	})
}

func TestNamespacedIdentityStaysInItsNamespace(t *testing.T) {
	for _, how := range []string{"annotation", "flag"} {
		t.Run(how, func(t *testing.T) {
			l := newLab(t)
			node, _ := l.scaleSet("pool", 0)
			identity, _ := l.bound(l.ns, "web", "web")
			if how == "annotation" {
				change(l, identity, func(i *aadpodid.AzureIdentity) {
					i.Annotations = map[string]string{"aadpodidentity.k8s.io/Behavior": "namespaced"}
				})
			}
			l.mic(func(o *cluster.Options) { o.ForceNamespaced = how == "flag" })
			l.pod(l.namespace("stranger-"), "demo", "web", node)
			l.pod(l.ns, "demo", "web", node)
			want := l.ns + "/demo-" + l.ns + "-web=Assigned"
			l.await(want)
			l.never("a pod of another namespace got the identity", func() bool { return len(l.states()) != 1 })
		})
	}
}

// aad-pod-identity bug 10: pod a-b of namespace c and pod a of namespace b-c
// shared one assigned identity.
func TestCollidingNamesDoNotShareAnObject(t *testing.T) {
	l := newLab(t)
	node, _ := l.scaleSet("pool", 0)
	l.bound(l.ns, "web", "web")
	outer := l.namespace("x-")
	inner := "b-" + outer
	l.create(&corev1.Namespace{ObjectMeta: named(inner)})
	l.namespaces = append(l.namespaces, inner)
	l.mic()
	l.pod(outer, "a-b", "web", node)
	name := "a-b-" + outer + "-web"
	l.await("default/" + name + "=Assigned")
	second := l.pod(inner, "a", "web", node)
	l.until(func() string {
		all := l.allAssigned()
		if len(all) == 2 && all[0].Status.Status == "Assigned" && all[1].Status.Status == "Assigned" &&
			all[0].Spec.PodNamespace != all[1].Spec.PodNamespace {
			return ""
		}
		return fmt.Sprint(l.states())
	})
	l.delete(second)
	l.await("default/" + name + "=Assigned")
}

// aad-pod-identity bug 9 and issue 977: a StatefulSet's pod comes back under
// its name on a node of another scale set.
func TestPodOfTheSameNameOnAnotherScaleSet(t *testing.T) {
	l := newLab(t)
	oldNode, oldSet := l.scaleSet("old", 1)
	newNode, newSet := l.scaleSet("new", 1)
	l.bound(l.ns, "web", "web")
	l.mic()
	pod := l.pod(l.ns, "web-0", "web", oldNode)
	l.await("default/web-0-" + l.ns + "-web=Assigned")
	l.delete(pod)
	l.pod(l.ns, "web-0", "web", newNode)
	l.awaitAzure(oldSet)
	l.awaitAzure(newSet, "web")
	l.until(func() string {
		all := l.allAssigned()
		if len(all) == 1 && all[0].Spec.NodeName == newNode && all[0].Labels["nodename"] == newNode && all[0].Status.Status == "Assigned" {
			return ""
		}
		return fmt.Sprint(l.states())
	})
}

func TestServicePrincipalNeedsNothingOfAzure(t *testing.T) {
	l := newLab(t)
	l.node(l.ns, "") // not a node of Azure
	l.create(&aadpodid.AzureIdentity{
		ObjectMeta: namedIn(l.ns, "sp"),
		Spec: aadpodid.AzureIdentitySpec{Type: aadpodid.ServicePrincipal, TenantID: "t", ClientID: "c",
			ClientPassword: corev1.SecretReference{Namespace: l.ns, Name: "secret"}},
	})
	binding := &aadpodid.AzureIdentityBinding{
		ObjectMeta: namedIn(l.ns, "b"),
		Spec:       aadpodid.AzureIdentityBindingSpec{AzureIdentity: "sp", Selector: "sp"},
	}
	l.create(binding)
	l.mic()
	l.pod(l.ns, "demo", "sp", l.ns)
	l.await("default/demo-" + l.ns + "-sp=Assigned")
	l.delete(binding)
	l.await()
	if calls := l.arm.Calls(); len(calls) != 0 {
		t.Errorf("calls to Azure: %v", calls)
	}
}

func TestNodeOutsideAzureIsExplained(t *testing.T) {
	l := newLab(t)
	l.create(&corev1.Node{ObjectMeta: named(l.ns), Spec: corev1.NodeSpec{ProviderID: "kind://docker/kind/worker"}})
	l.bound(l.ns, "web", "web")
	l.mic()
	l.pod(l.ns, "demo", "web", l.ns)
	name := "demo-" + l.ns + "-web"
	l.await("default/" + name + "=Created")
	l.awaitEvent("AzureAssignedIdentity", name, "kind://docker/kind/worker", "node in Azure")
}

package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/clock"
	clocktesting "k8s.io/utils/clock/testing"

	aadpodid "github.com/lanyard-project/lanyard/api/v1"
	"github.com/lanyard-project/lanyard/internal/cluster"
	"github.com/lanyard-project/lanyard/internal/cluster/armtest"
	"github.com/lanyard-project/lanyard/internal/cluster/scaleset"
)

// Upstream scenario 17 and issue 1139: one identity that doesn't exist kept
// everybody's identities from being assigned.
func TestOneBadIdentityDoesNotSpoilTheBatch(t *testing.T) {
	l := newLab(t)
	node, set := l.scaleSet("pool", 1)
	for _, name := range []string{"a", "b", "d", "e"} {
		l.bound(l.ns, name, "all")
	}
	l.boundOnly(l.ns, "c", "all")
	l.pod(l.ns, "demo", "all", node)
	l.mic()
	prefix := "default/demo-" + l.ns + "-"
	l.await(prefix+"a=Assigned", prefix+"b=Assigned", prefix+"c=Created", prefix+"d=Assigned", prefix+"e=Assigned")
	l.awaitAzure(set, "a", "b", "d", "e")
	l.awaitEvent("AzureIdentityBinding", "c-binding", "FailedIdentityOperation", "userassignedidentities/c exists")
	l.awaitEvent("AzureAssignedIdentity", "demo-"+l.ns+"-c", "FailedIdentityOperation")
	// It is tried again by itself once it could work.
	l.arm.SetIdentity(resourceID("c"), &armtest.Identity{ClientID: "client-of-c"})
	l.awaitAzure(set, "a", "b", "c", "d", "e")
}

func TestForbiddenThenGranted(t *testing.T) {
	l := newLab(t)
	node, set := l.scaleSet("pool", 0)
	l.bound(l.ns, "web", "web")
	l.arm.SetIdentity(resourceID("web"), &armtest.Identity{ClientID: "client-of-web", Forbidden: true})
	l.mic(func(o *cluster.Options) { o.SignedInAs = "kubelet-client-id" })
	l.pod(l.ns, "demo", "web", node)
	l.await("default/demo-" + l.ns + "-web=Created")
	l.awaitEvent("AzureIdentityBinding", "web-binding",
		`az role assignment create --role "Managed Identity Operator" --assignee kubelet-client-id --scope /subscriptions/sub/`)
	l.arm.SetIdentity(resourceID("web"), &armtest.Identity{ClientID: "client-of-web"})
	l.await("default/demo-" + l.ns + "-web=Assigned")
	l.awaitAzure(set, "web")
}

// aad-pod-identity tied no clientID to a resourceID: whoever may write an
// AzureIdentity could name a stranger's client ID.
func TestForeignClientIDIsNeverAssigned(t *testing.T) {
	l := newLab(t)
	node, _ := l.scaleSet("pool", 0)
	l.bound(l.ns, "victim", "victim")
	identity, _ := l.bound(l.ns, "thief", "thief")
	change(l, identity, func(i *aadpodid.AzureIdentity) { i.Spec.ClientID = "client-of-victim" })
	l.mic()
	l.pod(l.ns, "victim", "victim", node)
	l.pod(l.ns, "thief", "thief", node)
	victim, thief := "default/victim-"+l.ns+"-victim", "default/thief-"+l.ns+"-thief"
	l.await(victim+"=Assigned", thief+"=Created")
	l.awaitEvent("AzureIdentityBinding", "thief-binding", `clientID "client-of-victim"`, "client-of-thief")
	l.never("the thief got the victim's identity", func() bool { return slices.Contains(l.states(), thief+"=Assigned") })

	change(l, identity, func(i *aadpodid.AzureIdentity) { i.Spec.ClientID = "client-of-thief" })
	l.await(victim+"=Assigned", thief+"=Assigned")
	change(l, identity, func(i *aadpodid.AzureIdentity) { i.Spec.ClientID = "client-of-victim" })
	l.await(victim+"=Assigned", thief+"=Created")
}

// Whoever may write an AzureIdentity could name the kubelet's identity, which is on
// every node anyway, and so have rights over the nodes.
func TestNodeIdentityIsNoPods(t *testing.T) {
	l := newLab(t)
	node, set := l.scaleSet("pool", 0, resourceID("kubelet"))
	l.bound(l.ns, "kubelet", "kubelet")
	identity, _ := l.bound(l.ns, "disguised", "disguised")
	change(l, identity, func(i *aadpodid.AzureIdentity) {
		i.Spec.ClientID, i.Spec.ResourceID = " Client-Of-Kubelet ", resourceID("kubelet")
	})
	l.bound(l.ns, "web", "web")
	l.mic(func(o *cluster.Options) { o.SignedInAs = "client-of-kubelet" })
	for _, name := range []string{"kubelet", "disguised", "web"} {
		l.pod(l.ns, name, name, node)
	}
	l.await("default/web-" + l.ns + "-web=Assigned")
	l.awaitAzure(set, "kubelet", "web")
	l.awaitEvent("AzureIdentity", "kubelet", "identity of the nodes", "--node-identity-service-account")
	l.never("a pod got the nodes' identity", func() bool { return len(l.states()) > 1 })
}

// Upstream scenarios 13, 14, 16 and issue 533: identities were removed that mic
// hadn't put there, the cluster's own among them.
func TestIdentitiesOfOthersStay(t *testing.T) {
	l := newLab(t)
	node, set := l.scaleSet("pool", 1, resourceID("kubelet"), resourceID("Foreign"), resourceID("there-before"))
	l.bound(l.ns, "kubelet", "web")
	l.bound(l.ns, "there-before", "web")
	l.bound(l.ns, "immutable", "web")
	l.bound(l.ns, "ours", "web")
	l.mic(func(o *cluster.Options) {
		o.Protected = scaleset.NewProtected("CLIENT-OF-KUBELET", "client-of-Immutable")
	})
	pod := l.pod(l.ns, "demo", "web", node)
	l.awaitAzure(set, "foreign", "immutable", "kubelet", "ours", "there-before")
	prefix := "default/demo-" + l.ns + "-"
	l.await(prefix+"kubelet=Assigned", prefix+"there-before=Assigned", prefix+"immutable=Assigned", prefix+"ours=Assigned")
	l.delete(pod)
	l.await()
	l.awaitAzure(set, "foreign", "immutable", "kubelet", "there-before")
}

func TestRestartFindsEverythingInPlace(t *testing.T) {
	l := newLab(t)
	node, set := l.scaleSet("pool", 1)
	l.bound(l.ns, "web", "web")
	l.bound(l.ns, "db", "db")
	stop := l.mic()
	l.pod(l.ns, "keep", "web", node)
	leave := l.pod(l.ns, "leave", "db", node)
	keepName, leaveName := "default/keep-"+l.ns+"-web", "default/leave-"+l.ns+"-db"
	l.await(keepName+"=Assigned", leaveName+"=Assigned")
	stop()
	patches := l.arm.Count("PATCH")

	stop = l.mic()
	l.never("the restart changed something", func() bool {
		return l.arm.Count("PATCH") != patches || cmp.Diff([]string{keepName + "=Assigned", leaveName + "=Assigned"}, l.states()) != ""
	})
	stop()

	// What happens while nobody watches is caught up with: also for the
	// identity that an earlier process put there.
	l.delete(leave)
	l.pod(l.ns, "late", "web", node)
	l.mic()
	l.await(keepName+"=Assigned", "default/late-"+l.ns+"-web=Assigned")
	l.awaitAzure(set, "web")
}

// The process dies between the PATCH and the write that says Assigned; the pod
// is gone when the next one starts. Upstream leaked the identity.
func TestCrashAfterThePatchLeaksNothing(t *testing.T) {
	l := newLab(t)
	node, set := l.scaleSet("pool", 0)
	l.bound(l.ns, "web", "web")
	crashing := &crashAfterPatch{Client: scaleset.NewARM(l.arm, l.arm.Options(), clock.RealClock{}), crash: make(chan struct{})}
	stop := l.mic(func(o *cluster.Options) { o.Azure = crashing })
	pod := l.pod(l.ns, "demo", "web", node)
	<-crashing.crash
	stop()
	l.awaitAzure(set, "web")
	l.await("default/demo-" + l.ns + "-web=Created")
	l.delete(pod)
	l.mic()
	l.await()
	l.awaitAzure(set)
}

type crashAfterPatch struct {
	scaleset.Client
	crash chan struct{}
}

func (c *crashAfterPatch) Patch(ctx context.Context, id scaleset.ID, seen scaleset.State, changes []scaleset.Change) (scaleset.State, error) {
	if _, err := c.Client.Patch(ctx, id, seen, changes); err != nil {
		return scaleset.State{}, err
	}
	close(c.crash)
	<-ctx.Done()
	return scaleset.State{}, errors.New("the process is gone")
}

func TestFailureOfTheWholeScaleSetIsRetried(t *testing.T) {
	tests := []struct {
		name, method, code string
		status             int
		wantAdvice         string
	}{
		{"may not read", "GET", "AuthorizationFailed", 403, `az role assignment create --role "Virtual Machine Contributor"`},
		{"may not write", "PATCH", "AuthorizationFailed", 403, `az role assignment create --role "Virtual Machine Contributor"`},
		{"conflict", "PATCH", "OperationNotAllowed", 409, "mic tries again"},
		{"somebody else was quicker", "PATCH", "PreconditionFailed", 412, "mic tries again"},
		{"Azure is ill", "PATCH", "InternalServerError", 500, "mic tries again"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			l := newLab(t)
			node, set := l.scaleSet("pool", 0)
			l.bound(l.ns, "web", "web")
			l.bound(l.ns, "db", "web")
			l.arm.Fail(tc.method, math.MaxInt, tc.status, tc.code, "not now")
			l.mic()
			l.pod(l.ns, "demo", "web", node)
			l.awaitEvent("AzureIdentityBinding", "web-binding", tc.wantAdvice, tc.code)
			l.arm.Fail(tc.method, 0, 0, "", "")
			l.awaitAzure(set, "db", "web")
			l.await("default/demo-"+l.ns+"-db=Assigned", "default/demo-"+l.ns+"-web=Assigned")
		})
	}
}

func TestThrottlingIsObeyed(t *testing.T) {
	l := newLab(t)
	node, _ := l.scaleSet("pool", 0)
	l.bound(l.ns, "web", "web")
	l.arm.Throttle(2 * time.Second)
	l.mic()
	start := time.Now()
	l.pod(l.ns, "one", "web", node)
	l.awaitEvent("AzureAssignedIdentity", "one-"+l.ns+"-web", "TooManyRequests", "Azure asked to wait 2s")
	l.pod(l.ns, "two", "web", node) // news must not break the pause
	l.await("default/one-"+l.ns+"-web=Assigned", "default/two-"+l.ns+"-web=Assigned")
	if took := time.Since(start); took < 2*time.Second {
		t.Errorf("Azure was asked again after %v, it wanted 2s", took)
	}
	if got := l.arm.Count("GET"); got != 2 {
		t.Errorf("%d GETs, want the throttled one and one more: %v", got, l.arm.Calls())
	}
}

func TestMissingScaleSetDelaysNoOther(t *testing.T) {
	l := newLab(t)
	node, _ := l.scaleSet("pool", 0)
	gone := l.ns + "-gone"
	l.node(gone, "/subscriptions/Sub/resourceGroups/MC_rg/providers/Microsoft.Compute/virtualMachineScaleSets/"+gone+"/virtualMachines/0")
	l.bound(l.ns, "web", "web")
	l.mic()
	lost := l.pod(l.ns, "lost", "web", gone)
	l.pod(l.ns, "demo", "web", node)
	l.await("default/demo-"+l.ns+"-web=Assigned", "default/lost-"+l.ns+"-web=Created")
	l.awaitEvent("AzureAssignedIdentity", "lost-"+l.ns+"-web", "ResourceNotFound", "is gone")
	l.delete(lost)
	l.await("default/demo-" + l.ns + "-web=Assigned")
}

// Upstream scenario 15 and issue 633.
func TestDriftIsRepaired(t *testing.T) {
	l := newLab(t)
	node, set := l.scaleSet("pool", 1)
	l.bound(l.ns, "web", "web")
	l.mic(func(o *cluster.Options) { o.DriftInterval = 300 * time.Millisecond })
	l.pod(l.ns, "demo", "web", node)
	l.await("default/demo-" + l.ns + "-web=Assigned")
	l.arm.Unassign(set, resourceID("web"))
	l.awaitAzure(set, "web")
	l.await("default/demo-" + l.ns + "-web=Assigned")
}

func TestLingerKeepsTheIdentityForTheNextPod(t *testing.T) {
	l := newLab(t)
	node, set := l.scaleSet("pool", 0)
	l.bound(l.ns, "web", "web")
	const linger = time.Hour
	hands := clocktesting.NewFakeClock(time.Now())
	l.mic(func(o *cluster.Options) { o.Linger, o.Clock = linger, hands })
	pod := l.pod(l.ns, "first", "web", node)
	l.await("default/first-" + l.ns + "-web=Assigned")
	l.delete(pod)
	l.await("default/first-" + l.ns + "-web=-Unassigned")
	pod = l.pod(l.ns, "second", "web", node)
	l.await("default/second-" + l.ns + "-web=Assigned")
	l.delete(pod)
	l.await("default/second-" + l.ns + "-web=-Unassigned")
	hands.Step(2 * linger)
	last := l.allAssigned()[0] // its work item would come up an hour from now: a touch brings it
	change(l, &last, func(a *aadpodid.AzureAssignedIdentity) { a.Labels["touched"] = "true" })
	l.await()
	l.awaitAzure(set)
	if got := l.arm.Count("PATCH"); got != 2 {
		t.Errorf("%d PATCHes, want one to add and one to remove: %v", got, l.arm.Calls())
	}
}

// Many identities that come at a time go to Azure in few PATCHes. (That none has more than 150 is scaleset's own test.)
func TestManyIdentitiesGoInBatches(t *testing.T) {
	l := newLab(t)
	node, set := l.scaleSet("pool", 0)
	const count, pods = 40, 8
	l.atOnce(count, func(i int) {
		l.bound(l.ns, fmt.Sprintf("id%03d", i), fmt.Sprint("app-", i%pods))
	})
	all := make([]*corev1.Pod, pods)
	l.atOnce(pods, func(i int) { all[i] = l.pod(l.ns, fmt.Sprint("pod-", i), fmt.Sprint("app-", i), node) })
	const spacing = 500 * time.Millisecond
	start := time.Now()
	l.mic(func(o *cluster.Options) { o.Spacing = spacing })
	l.until(func() string {
		return cmp.Diff(count, len(l.azure(set)))
	})
	l.atOnce(pods, func(i int) { l.delete(all[i]) })
	l.await()
	l.awaitAzure(set)
	// How they are cut depends on how fast they come; there are never more than the spacing allows.
	if got, most := l.arm.Count("PATCH"), 4+int(time.Since(start)/spacing); got > most {
		t.Errorf("%d PATCHes for %d identities, want at most %d", got, count, most)
	}
}

// Nodes may be single machines, instances of flexible scale sets, which Azure
// calls machines too, or no machines of Azure's at all.
func TestMachinesHaveIdentitiesOfTheirOwn(t *testing.T) {
	l := newLab(t)
	pool, set := l.scaleSet("pool", 0)
	const group = "/subscriptions/Other/resourceGroups/MC_rg/providers/Microsoft.Compute/virtualMachines/"
	single, flexible := l.ns+"-single", l.ns+"-flex_0a1b"
	l.arm.AddScaleSet(group+single, 1, resourceID("foreign"))
	l.arm.AddScaleSet(group+flexible, 0)
	l.node(single, group+single)
	l.node(l.ns+"-flex", group+flexible)
	l.bound(l.ns, "web", "web")
	l.mic()
	onSingle := l.pod(l.ns, "single", "web", single)
	l.pod(l.ns, "flexible", "web", l.ns+"-flex")
	l.pod(l.ns, "uniform", "web", pool)
	name := func(pod string) string { return "default/" + pod + "-" + l.ns + "-web=Assigned" }
	l.await(name("single"), name("flexible"), name("uniform"))
	for _, at := range []string{group + flexible, set} {
		l.awaitAzure(at, "web")
	}
	l.awaitAzure(group+single, "foreign", "web")
	l.delete(onSingle)
	l.awaitAzure(group+single, "foreign")
	l.await(name("flexible"), name("uniform"))
	l.awaitAzure(group+flexible, "web")
}

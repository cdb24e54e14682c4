package cluster_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	aadpodid "github.com/lanyard-project/lanyard/api/v1"
	"github.com/lanyard-project/lanyard/internal/cluster"
	"github.com/lanyard-project/lanyard/internal/cluster/armtest"
	"github.com/lanyard-project/lanyard/internal/cluster/scaleset"
)

const (
	patience = 2 * time.Minute
	step     = 20 * time.Millisecond
)

// lab is one test's corner of the cluster and its own Azure.
type lab struct {
	t    testing.TB
	kube client.Client
	arm  *armtest.Server
	ns   string // a namespace of its own; node and scale set names begin with it

	namespaces []string // that the test has made
	working    <-chan struct{}
}

func newLab(t testing.TB) *lab {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, authenticationv1.AddToScheme, admissionregistrationv1.AddToScheme, aadpodid.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	kube, err := client.New(api, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{t: t, kube: kube, arm: armtest.New(t)}
	l.ns = l.namespace("t-")
	t.Cleanup(l.clear)
	return l
}

// namespace makes a namespace with a fresh name.
func (l *lab) namespace(prefix string) string {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: prefix}}
	l.create(ns)
	l.namespaces = append(l.namespaces, ns.Name)
	return ns.Name
}

// clear removes what mic of a later test would see. mic is stopped by then.
func (l *lab) clear() {
	ctx := context.WithoutCancel(l.t.Context())
	for _, ns := range append(l.namespaces, "kube-system", "default") {
		for _, o := range []client.Object{&aadpodid.AzureIdentityBinding{}, &aadpodid.AzureIdentity{}, &corev1.Pod{}} {
			_ = l.kube.DeleteAllOf(ctx, o, client.InNamespace(ns), client.GracePeriodSeconds(0))
		}
	}
	_ = l.kube.DeleteAllOf(ctx, &corev1.Node{})
	left := l.allAssigned()
	l.atOnce(len(left), func(i int) {
		_ = l.kube.Patch(ctx, &left[i], client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"finalizers":null}}`)))
		_ = l.kube.Delete(ctx, &left[i])
	})
}

// mic starts a mic and returns what stops it again; the test's end does too.
func (l *lab) mic(change ...func(*cluster.Options)) (stop func()) {
	l.t.Helper()
	return l.micOn(micAPI, change...)
}

// micOn is mic with a way of its own to the API server.
func (l *lab) micOn(config *rest.Config, change ...func(*cluster.Options)) (stop func()) {
	l.t.Helper()
	c := clock.RealClock{}
	o := cluster.Options{
		Azure:   scaleset.NewARM(l.arm, l.arm.Options(), c),
		Backoff: 100 * time.Millisecond, MostBackoff: time.Second,
		Resync: time.Hour, Writers: 10,
		ProbeAddress: "0", MetricsAddress: "0", Metrics: prometheus.NewRegistry(),
		Log: slog.New(slog.NewTextHandler(logWriter(l.t), nil)), Clock: c,
	}
	for _, f := range change {
		f(&o)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(l.t.Context()))
	mgr, err := cluster.New(ctx, config, o)
	if err != nil {
		cancel()
		l.t.Fatal(err)
	}
	l.working = mgr.Elected()
	done := make(chan error, 1)
	go func() { done <- mgr.Start(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			l.t.Errorf("mic ended with %v", err)
		}
	}
	l.t.Cleanup(stop)
	return stop
}

func logWriter(t testing.TB) io.Writer {
	if testing.Verbose() {
		return t.Output()
	}
	return io.Discard
}

func (l *lab) create(o client.Object) {
	l.t.Helper()
	if err := l.kube.Create(l.t.Context(), o); err != nil {
		l.t.Fatalf("creating %T %s: %v", o, o.GetName(), err)
	}
}

// atOnce does something for each number below a count, several at a time.
func (l *lab) atOnce(count int, do func(i int)) {
	var group sync.WaitGroup
	turns := make(chan struct{}, 16)
	for i := range count {
		group.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			do(i)
		})
	}
	group.Wait()
}

func (l *lab) delete(o client.Object) {
	l.t.Helper()
	if err := l.kube.Delete(l.t.Context(), o, client.GracePeriodSeconds(0)); err != nil {
		l.t.Fatalf("deleting %T %s: %v", o, o.GetName(), err)
	}
}

// change applies an edit to the present version of an object.
func change[T client.Object](l *lab, o T, edit func(T)) {
	l.t.Helper()
	if err := l.kube.Get(l.t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
		l.t.Fatal(err)
	}
	before := o.DeepCopyObject().(client.Object)
	edit(o)
	if err := l.kube.Patch(l.t.Context(), o, client.MergeFrom(before)); err != nil {
		l.t.Fatalf("changing %T %s: %v", o, o.GetName(), err)
	}
}

// scaleSet makes a scale set and a node of it with the same name.
func (l *lab) scaleSet(name string, polls int, assigned ...string) (node, id string) {
	name = l.ns + "-" + name
	id = "/subscriptions/Sub/resourceGroups/MC_rg/providers/Microsoft.Compute/virtualMachineScaleSets/" + name
	l.arm.AddScaleSet(id, polls, assigned...)
	l.node(name, id+"/virtualMachines/0")
	return name, id
}

func (l *lab) node(name, provider string) {
	l.create(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.NodeSpec{ProviderID: "azure://" + provider}})
}

func resourceID(name string) string {
	return "/subscriptions/Sub/resourceGroups/Ids/providers/Microsoft.ManagedIdentity/userAssignedIdentities/" + name
}

// bound makes an identity that exists in Azure, its AzureIdentity and a binding
// with a selector, all in one namespace.
func (l *lab) bound(ns, name, selector string) (*aadpodid.AzureIdentity, *aadpodid.AzureIdentityBinding) {
	l.t.Helper()
	l.arm.SetIdentity(resourceID(name), &armtest.Identity{ClientID: "client-of-" + name})
	return l.boundOnly(ns, name, selector)
}

// boundOnly is bound without the identity in Azure.
func (l *lab) boundOnly(ns, name, selector string) (*aadpodid.AzureIdentity, *aadpodid.AzureIdentityBinding) {
	l.t.Helper()
	identity := &aadpodid.AzureIdentity{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name},
		Spec:       aadpodid.AzureIdentitySpec{ResourceID: resourceID(name), ClientID: "CLIENT-of-" + name},
	}
	l.create(identity)
	binding := &aadpodid.AzureIdentityBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name + "-binding"},
		Spec:       aadpodid.AzureIdentityBindingSpec{AzureIdentity: name, Selector: selector},
	}
	l.create(binding)
	return identity, binding
}

func (l *lab) pod(ns, name, label, node string) *corev1.Pod {
	l.t.Helper()
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name, Labels: map[string]string{aadpodid.PodLabel: label}},
		Spec: corev1.PodSpec{
			NodeName: node, AutomountServiceAccountToken: ptr.To(false),
			Containers: []corev1.Container{{Name: "c", Image: "i"}},
		},
	}
	l.create(pod)
	return pod
}

func (l *lab) allAssigned() []aadpodid.AzureAssignedIdentity {
	var list aadpodid.AzureAssignedIdentityList
	if err := l.kube.List(context.WithoutCancel(l.t.Context()), &list); err != nil {
		l.t.Fatal(err)
	}
	return list.Items
}

// states returns "namespace/name=state" of each assigned identity; one that is
// being deleted has a minus sign.
func (l *lab) states() []string {
	states := map[string]bool{}
	for _, a := range l.allAssigned() {
		gone := ""
		if a.DeletionTimestamp != nil {
			gone = "-"
		}
		states[fmt.Sprintf("%s/%s=%s%s", a.Namespace, a.Name, gone, a.Status.Status)] = true
	}
	return slices.Sorted(maps.Keys(states))
}

// await waits until the assigned identities are the given ones.
func (l *lab) await(want ...string) {
	l.t.Helper()
	slices.Sort(want)
	l.until(func() string { return cmp.Diff(want, l.states()) })
}

// awaitAzure waits until a scale set has the given identities, named without
// their path.
func (l *lab) awaitAzure(set string, want ...string) {
	l.t.Helper()
	slices.Sort(want)
	l.until(func() string { return cmp.Diff(want, l.azure(set)) })
}

func (l *lab) azure(set string) []string {
	var names []string
	for _, id := range l.arm.Assigned(set) {
		names = append(names, id[strings.LastIndex(id, "/")+1:])
	}
	return names
}

// silenceAzure lets calls to Azure wait, until they are let go or the test ends.
func (l *lab) silenceAzure() (answer func()) {
	silence := make(chan struct{})
	l.arm.Disturb(func(*http.Request) armtest.Disturbance {
		select {
		case <-silence:
		case <-l.t.Context().Done():
		}
		return armtest.Disturbance{}
	})
	return func() { close(silence) }
}

// until waits until a check has nothing to say.
func (l *lab) until(check func() string) {
	l.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		complaint := check()
		if complaint == "" {
			return
		}
		if time.Now().After(deadline) {
			l.t.Fatalf("after %v still:\n%s", patience, complaint)
		}
		time.Sleep(step)
	}
}

// never holds a state for a while: what mic must not do it does quickly.
func (l *lab) never(what string, happened func() bool) {
	l.t.Helper()
	for end := time.Now().Add(700 * time.Millisecond); time.Now().Before(end); time.Sleep(step) {
		if happened() {
			l.t.Fatal(what)
		}
	}
}

// awaitEvent waits for a warning on an object whose text contains all parts.
func (l *lab) awaitEvent(kind, name string, parts ...string) {
	l.t.Helper()
	l.until(func() string {
		var events corev1.EventList
		if err := l.kube.List(l.t.Context(), &events); err != nil {
			return err.Error()
		}
		said := "no event"
		for _, e := range events.Items {
			if e.InvolvedObject.Kind != kind || e.InvolvedObject.Name != name || e.Type != corev1.EventTypeWarning {
				continue
			}
			said = e.Message
			if !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(e.Message, p) }) {
				return ""
			}
		}
		return fmt.Sprintf("want an event on %s %s with %q, got: %s", kind, name, parts, said)
	})
}

func named(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Name: name} }

func namedIn(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name}
}

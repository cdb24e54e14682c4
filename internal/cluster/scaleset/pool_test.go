package scaleset

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	aadpodid "github.com/lanyard-project/lanyard/api/v1"
)

// pool is one scale set, the assigned identities that are about it, and one mic
// after the other, of which only the passes over the scale set run, when the test
// says so. Nothing in it goes by time.
type pool struct {
	t     *testing.T
	id    ID
	kube  client.Client // the truth
	clock *clocktesting.FakeClock
	mic   *Reconciler
	// shows is what mic's cache shows: the truth of a while ago.
	shows []aadpodid.AzureAssignedIdentity
	// fate decides about each call that mic makes: "GET", "PATCH", or "write" and a name.
	fate func(call string) fate
	log  []string

	on      map[string]bool // identities on the scale set
	version int
	etags   bool
	pending func() // the operation under way
	names   bool   // whether a refusal names the identity
}

// fate is what becomes of a call.
type fate int

const (
	succeeds fate = iota
	fails
	failsLate    // it takes effect, and the answer is lost
	failsPending // it will take effect
)

// forbidden is an identity that mic may not assign.
const forbidden = "forbidden"

func newPool(t *testing.T, on ...string) *pool {
	scheme := runtime.NewScheme()
	if err := aadpodid.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	id, err := ParseID(aSet)
	if err != nil {
		t.Fatal(err)
	}
	p := &pool{
		t: t, id: id, kube: fake.NewClientBuilder().WithScheme(scheme).Build(), clock: clocktesting.NewFakeClock(time.Now()),
		fate: func(string) fate { return succeeds }, on: map[string]bool{}, etags: true,
	}
	for _, name := range on {
		p.on[name] = true
	}
	return p
}

// succeed lets a new mic follow the one before, with a full cache and no memory.
func (p *pool) succeed(linger time.Duration) {
	metrics, err := NewMetrics(prometheus.NewRegistry())
	if err != nil {
		p.t.Fatal(err)
	}
	p.refresh()
	p.note("a new mic")
	p.mic = &Reconciler{
		Kube: interceptor.NewClient(p.kube.(client.WithWatch), interceptor.Funcs{List: p.list, Patch: p.write}), Azure: p, Clock: p.clock, Metrics: metrics,
		Recorder: &record.FakeRecorder{}, Linger: linger, Interval: 5 * time.Second, Backoff: 100 * time.Millisecond, MostBackoff: time.Second, Writers: 1,
	}
}

func (p *pool) pass() {
	p.note("a pass")
	_, err := p.mic.Reconcile(p.t.Context(), p.id)
	p.note("the pass ends: %v", err)
}

func (p *pool) note(format string, args ...any) { p.log = append(p.log, fmt.Sprintf(format, args...)) }

// objects are what there is.
func (p *pool) objects() []aadpodid.AzureAssignedIdentity {
	var list aadpodid.AzureAssignedIdentityList
	if err := p.kube.List(p.t.Context(), &list); err != nil {
		p.t.Fatal(err)
	}
	return list.Items
}

// refresh lets the cache catch up.
func (p *pool) refresh() { p.shows = p.objects() }

// object is an assigned identity as assign makes it.
func (p *pool) object(name, identity string) *aadpodid.AzureAssignedIdentity {
	a := assignedIdentity(name)
	a.UID = types.UID(name)
	a.Finalizers = []string{aadpodid.Finalizer}
	a.Annotations[InstanceAnnotation] = "a mic"
	a.Spec.AzureIdentityRef.Spec.ResourceID = identityPath + identity
	a.Status.Status = aadpodid.StateCreated
	a.CreationTimestamp = metav1.NewTime(p.clock.Now())
	return a
}

func (p *pool) create(a *aadpodid.AzureAssignedIdentity) {
	if err := p.kube.Create(p.t.Context(), a); err != nil {
		p.t.Fatal(err)
	}
}

// revoke and remove are what assign does when a pod goes.
func (p *pool) revoke(a *aadpodid.AzureAssignedIdentity) {
	p.note("%s is revoked", show(a))
	before := a.DeepCopy()
	a.Status.Status = aadpodid.StateUnassigned
	if err := p.kube.Patch(p.t.Context(), a, client.MergeFrom(before)); err != nil {
		p.t.Fatal(err)
	}
}

func (p *pool) remove(a *aadpodid.AzureAssignedIdentity) {
	p.note("%s is deleted", show(a))
	if err := p.kube.Delete(p.t.Context(), a); client.IgnoreNotFound(err) != nil {
		p.t.Fatal(err)
	}
}

var errAway = errors.New("connection reset by peer")

func (p *pool) list(_ context.Context, _ client.WithWatch, list client.ObjectList, _ ...client.ListOption) error {
	into := list.(*aadpodid.AzureAssignedIdentityList)
	for i := range p.shows {
		into.Items = append(into.Items, *p.shows[i].DeepCopy())
	}
	return nil
}

func (p *pool) write(ctx context.Context, kube client.WithWatch, o client.Object, patch client.Patch, options ...client.PatchOption) error {
	f := p.fate("write " + o.GetName())
	if f == fails {
		return errAway
	}
	err := kube.Patch(ctx, o, patch, options...)
	p.note("  write %s: %v", show(o.(*aadpodid.AzureAssignedIdentity)), err)
	if f != succeeds {
		return errAway
	}
	return err
}

// show tells what matters of an object.
func show(a *aadpodid.AzureAssignedIdentity) string {
	text := a.Name + "=" + a.Status.Status
	for _, mark := range []string{FoundAnnotation, PutAnnotation, PuttingAnnotation} {
		if value := a.Annotations[mark]; value != "" {
			text += " " + mark[strings.LastIndex(mark, "/")+1:] + "=" + strings.ReplaceAll(value, identityPath, "")
		}
	}
	if len(a.Finalizers) == 0 {
		text += " released"
	}
	return text
}

// identityPath is what all resource IDs begin with.
var identityPath = anIdentity[:strings.LastIndex(anIdentity, "/")+1]

func (p *pool) state() State {
	s := State{ClientIDs: map[string]string{}, Updating: p.pending != nil}
	for name := range p.on {
		s.ClientIDs[identityPath+name] = "client"
	}
	if p.etags {
		s.ETag = fmt.Sprint(p.version)
	}
	return s
}

// Get implements Client. It brings an operation under way to its end.
func (p *pool) Get(context.Context, ID) (State, error) {
	if p.fate("GET") != succeeds {
		p.note("  GET fails")
		return State{}, &Fault{Message: errAway.Error()}
	}
	s := p.state()
	p.note("  GET: %v, updating: %v", slices.Sorted(maps.Keys(p.on)), s.Updating)
	if p.pending != nil {
		p.pending()
	}
	return s, nil
}

// Patch implements Client.
func (p *pool) Patch(_ context.Context, _ ID, seen State, changes []Change) (State, error) {
	f := p.fate("PATCH")
	fault := p.refuse(seen, changes)
	if f == fails {
		fault = &Fault{Message: errAway.Error()}
	}
	if fault != nil {
		p.note("  PATCH %v: %v", changes, fault)
		return State{}, fault
	}
	p.pending = func() {
		for _, c := range changes {
			name := strings.TrimPrefix(c.Identity, identityPath)
			if p.on[name] = true; c.Remove {
				delete(p.on, name)
			}
		}
		p.version++
		p.pending = nil
	}
	if f != failsPending {
		p.pending()
	}
	p.note("  PATCH %v, the answer is lost: %v, pending: %v", changes, f != succeeds, f == failsPending)
	if f != succeeds {
		return State{}, &Fault{Message: errAway.Error()}
	}
	return p.state(), nil
}

func (p *pool) refuse(seen State, changes []Change) *Fault {
	switch {
	case seen.ETag != "" && seen.ETag != fmt.Sprint(p.version):
		return &Fault{Code: "PreconditionFailed"}
	case p.pending != nil:
		return &Fault{Code: "Conflict"}
	}
	bad := slices.IndexFunc(changes, func(c Change) bool { return !c.Remove && c.Identity == identityPath+forbidden })
	switch {
	case bad < 0:
		return nil
	case p.names:
		return &Fault{Blame: BlameIdentity, Code: "LinkedAuthorizationFailed", Message: changes[bad].Identity}
	}
	return &Fault{Blame: BlameIdentity, Code: "FailedIdentityOperation"}
}

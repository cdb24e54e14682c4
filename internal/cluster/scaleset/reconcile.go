package scaleset

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	aadpodid "github.com/lanyard-project/lanyard/api/v1"
)

// ByScaleSet is the name of the index of assigned identities that Reconciler
// reads; its values are those of IndexKey.
const ByScaleSet = "lanyard.scaleSet"

// IndexKey returns the scale set that an assigned identity is about.
func IndexKey(a *aadpodid.AzureAssignedIdentity) []string {
	id, err := ParseID(a.Annotations[ScaleSetAnnotation])
	if err != nil {
		return nil
	}
	return []string{id.String()}
}

// Reconciler does the passes over scale sets. All exported fields but those
// marked optional have to be set.
type Reconciler struct {
	Kube     client.Client
	Azure    Client
	Recorder record.EventRecorder
	Clock    clock.Clock
	Metrics  *Metrics

	// Protected identities are never removed. Optional.
	Protected Protected
	// Linger is how long an identity stays after its last user. Optional: by
	// default it goes at once.
	Linger time.Duration
	// Spacing is the least time between two changes of one scale set. The first
	// one after a quiet time goes at once; those that come in its wake are
	// gathered into one. Optional.
	Spacing time.Duration
	// Interval is how often a scale set with users is read although nothing
	// changed, to repair what others removed. Zero turns that off.
	Interval time.Duration
	// Backoff is the pause after a first failure; it doubles up to MostBackoff.
	Backoff, MostBackoff time.Duration
	// Writers is how many assigned identities are written at the same time.
	Writers int
	// SignedInAs names the identity that ARM sees, for advice in events. Optional.
	SignedInAs string

	mu       sync.Mutex
	memories map[ID]*memory
	placed   placements
}

// Reconcile makes one pass over a scale set.
func (r *Reconciler) Reconcile(ctx context.Context, id ID) (reconcile.Result, error) {
	assigned, err := r.assigned(ctx, id)
	if err != nil {
		return reconcile.Result{}, err
	}
	r.placed.seen(id, assigned)
	if len(assigned) == 0 {
		r.forget(id)
		return reconcile.Result{}, nil
	}
	now, m, d := r.Clock.Now(), r.remember(id), demandOf(assigned)
	m.forget(d, now)

	// 1. What needs no answer of Azure: users who leave others behind.
	if err := r.releaseShared(ctx, d); err != nil {
		return reconcile.Result{}, err
	}
	// 2. Is there anything to ask Azure, and may we ask now?
	ask, next := r.mustAsk(d, m)
	if !ask {
		return r.again(next), r.explainRefused(ctx, m, d, id)
	}
	if m.all.until.After(now) {
		return r.again(m.all.until), r.explainAll(ctx, m, d, id)
	}
	if pause := m.patched.Add(r.Spacing); pause.After(now) {
		if changes, _ := r.plan(d, m.known, m); len(changes) > 0 {
			return r.again(pause), nil // more of them will have come by then
		}
	}
	// 3. What is there, and what has to change?
	state, next, err := r.converge(ctx, id, d, m)
	// 4. Tell the cluster as much as is known, even after a failure.
	if state != nil {
		if err := r.settle(ctx, id, d, *state, m); err != nil {
			return reconcile.Result{}, err
		}
	}
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return r.again(r.Clock.Now().Add(behind)), nil // the cache is behind: announce again
	}
	if err != nil {
		return r.failed(ctx, id, d, m, err)
	}
	r.publish(id, d, *state, m)
	m.all = backoff{}
	return r.again(next), nil
}

// converge reads the scale set, makes the changes and returns the state after
// them (nil if it isn't known) and when to look again.
func (r *Reconciler) converge(ctx context.Context, id ID, d demand, m *memory) (*State, time.Time, error) {
	state, err := r.look(ctx, id, m)
	if err != nil {
		return state, time.Time{}, err
	}
	return r.bring(ctx, id, d, *state, m)
}

// look returns what is on the scale set: as of the last answer if that was just
// now, and an ETag keeps a change on top of it from undoing anybody else's.
func (r *Reconciler) look(ctx context.Context, id ID, m *memory) (*State, error) {
	trust := mostTrust
	if r.Interval > 0 {
		trust = min(trust, r.Interval/2)
	}
	if known := m.known; known.ETag != "" && !known.Updating && r.Clock.Since(m.looked) < trust {
		return &known, nil
	}
	state, err := r.azure().Get(ctx, id)
	var fault *Fault
	if errors.As(err, &fault) && fault.Blame == BlameAbsence {
		m.unsure = false // whatever was under way, there is nothing that it could be on
		return &State{}, err
	}
	if err != nil {
		return nil, err
	}
	if now := r.Clock.Now(); r.Interval > 0 && now.Sub(m.looked) >= r.Interval {
		m.tryAgain()
	}
	m.looked, m.unsure = r.Clock.Now(), false
	if state.Deleting {
		return &State{}, &Fault{Blame: BlameAbsence, Code: "ScaleSetDeleting", Message: "the scale set is being deleted"}
	}
	return &state, nil
}

// mostTrust is how long an answer of Azure's counts. What others change in the
// meantime is drift, and is found as that.
const mostTrust = 10 * time.Second

// bring makes the changes that a known state needs.
func (r *Reconciler) bring(ctx context.Context, id ID, d demand, state State, m *memory) (*State, time.Time, error) {
	r.claim(d, state, m)
	changes, _ := r.plan(d, state, m)
	changes, wait := r.placed.clear(id, changes, r.Clock.Now())
	var err error
	if len(changes) > 0 {
		if err := r.announce(ctx, d, changes, m); err != nil {
			return nil, time.Time{}, err
		}
		state, err = r.change(ctx, id, state, changes, m)
	}
	if state.ETag != m.known.ETag {
		m.looked = r.Clock.Now() // the answer to a change tells everything too
	}
	m.known = state
	if m.unsure = m.unsure || err != nil; m.unsure {
		m.known.ETag = "" // who knows what became of it
	}
	_, next := r.plan(d, state, m)
	next = soonest(next, wait)
	for identity, u := range d {
		if r.mayCome(identity, u, state) || (state.Updating && slices.ContainsFunc(u.leaving, carrier)) {
			next = soonest(next, r.Clock.Now().Add(lookAgain*r.Backoff))
		}
	}
	return &state, soonest(next, r.nextLook(d, m)), err
}

// lookAgain is how many times the first back-off a scale set is left alone that
// is being updated.
const lookAgain = 5

// behind is how long the cache is given to catch up.
const behind = 20 * time.Millisecond

// change sends changes and remembers what Azure refused.
func (r *Reconciler) change(ctx context.Context, id ID, state State, changes []Change, m *memory) (State, error) {
	for _, c := range changes {
		if !c.Remove {
			m.ours[c.Identity] = true
		}
	}
	a := application{client: r.azure(), id: id, state: state, refused: map[string]*Fault{}}
	err := a.send(ctx, changes)
	now := r.Clock.Now()
	m.patched = now
	for _, c := range changes {
		if fault := a.refused[c.Identity]; fault != nil {
			m.identities[c.Identity] = m.identities[c.Identity].after(fault, now, r.Backoff, r.MostBackoff)
		} else if err == nil {
			delete(m.identities, c.Identity)
		}
	}
	log.FromContext(ctx).Info("changed scale set", "changes", len(changes), "refused", len(a.refused), "failed", err != nil)
	if err == nil && lacksClientID(a.state, changes) {
		// Some API versions answer a PATCH with less than a GET.
		fresh, getErr := r.azure().Get(ctx, id)
		if getErr != nil {
			return a.state, getErr
		}
		a.state = fresh
	}
	return a.state, err
}

func (r *Reconciler) azure() Client { return metered{r.Azure, r.Metrics, r.Clock} }

func lacksClientID(s State, changes []Change) bool {
	for _, c := range changes {
		if clientID, there := s.ClientIDs[c.Identity]; !c.Remove && there && clientID == "" {
			return true
		}
	}
	return false
}

// mustAsk reports whether a pass needs Azure, and if not, when one will.
func (r *Reconciler) mustAsk(d demand, m *memory) (bool, time.Time) {
	now := r.Clock.Now()
	next := r.nextLook(d, m)
	for id, u := range d {
		if slices.ContainsFunc(u.leaving, carrier) {
			return true, time.Time{} // it goes once what it announced is marked
		}
		if id == "" || (m.knowsAll(u) && !m.lacks(id, u)) || (len(u.live) == 0 && len(u.revoked) > 0) {
			continue
		}
		due := m.identities[id].until
		if len(u.live) == 0 {
			due = latest(due, u.lastLeft().Add(r.Linger))
		}
		if !due.After(now) {
			return true, time.Time{}
		}
		next = soonest(next, due)
	}
	return !next.IsZero() && !next.After(now), next
}

// nextLook is when the scale set is read although nothing changed.
func (r *Reconciler) nextLook(d demand, m *memory) time.Time {
	if r.Interval <= 0 {
		return time.Time{}
	}
	for id, u := range d {
		if id != "" && len(u.live) > 0 {
			return m.looked.Add(r.Interval)
		}
	}
	return time.Time{}
}

// failed records a failure of the scale set as a whole and tells those who wait.
func (r *Reconciler) failed(ctx context.Context, id ID, d demand, m *memory, err error) (reconcile.Result, error) {
	now := r.Clock.Now()
	m.all = m.all.after(faultOf(err, now), now, r.Backoff, r.MostBackoff)
	if m.all.fault.Blame == BlameAbsence {
		r.placed.withdraw(id)
	}
	log.FromContext(ctx).Error(err, "scale set can't be brought up to date", "retryAt", m.all.until, "failures", m.all.failures)
	return r.again(m.all.until), r.explainAll(ctx, m, d, id)
}

func (r *Reconciler) again(at time.Time) reconcile.Result {
	if at.IsZero() {
		return reconcile.Result{}
	}
	return reconcile.Result{RequeueAfter: max(at.Sub(r.Clock.Now()), time.Millisecond)}
}

func (r *Reconciler) assigned(ctx context.Context, id ID) ([]*aadpodid.AzureAssignedIdentity, error) {
	var list aadpodid.AzureAssignedIdentityList
	// The objects are the cache's own: settle copies those that it changes.
	if err := r.Kube.List(ctx, &list, client.MatchingFields{ByScaleSet: id.String()}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing assigned identities: %w", err)
	}
	assigned := make([]*aadpodid.AzureAssignedIdentity, len(list.Items))
	for i := range list.Items {
		assigned[i] = &list.Items[i]
	}
	return assigned, nil
}

func (r *Reconciler) remember(id ID) *memory {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.memories == nil {
		r.memories = map[ID]*memory{}
	}
	m := r.memories[id]
	if m == nil {
		m = newMemory()
		r.memories[id] = m
	}
	return m
}

// forget ends what is remembered of a scale set that nobody needs any more.
func (r *Reconciler) forget(id ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.memories, id)
	r.placed.withdraw(id)
}

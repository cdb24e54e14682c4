package scaleset

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	aadpodid "github.com/lanyard-project/lanyard/api/v1"
)

// settle writes to the assigned identities what a known state means for them:
// carriers last, when everything that they announce is marked.
func (r *Reconciler) settle(ctx context.Context, id ID, d demand, state State, m *memory) error {
	s := settlement{Reconciler: r, id: id, demand: d, state: state, memory: m}
	defer s.applied.tell(r)
	if err := s.turn(ctx, false); err != nil {
		return err // nothing counts as concluded that may not have been written
	}
	if !s.overtaken.Load() {
		if err := s.turn(ctx, true); err != nil {
			return err
		}
	}
	for _, c := range s.concluded {
		m.judge(c.about)
		if c.written != nil {
			m.wrote(c.written)
		}
	}
	return nil
}

// settlement is what a pass has come to.
type settlement struct {
	*Reconciler
	id        ID
	demand    demand
	state     State
	memory    *memory
	concluded []*conclusion
	applied   applied
	// overtaken: an object has changed since it was read; its event brings the next pass.
	overtaken atomic.Bool
}

// conclusion is an object as a pass saw it and as the pass wrote it, if it did.
type conclusion struct {
	about, written *aadpodid.AzureAssignedIdentity
}

// turn settles either the carriers or all others.
func (s *settlement) turn(ctx context.Context, carriers bool) error {
	writes, ctx := errgroup.WithContext(ctx)
	writes.SetLimit(max(1, s.Writers))
	for identity, u := range s.demand {
		for _, a := range u.live {
			// One without an identity names nothing that could be assigned; assign replaces it.
			if identity != "" && carrier(a) == carriers && !s.memory.outdated(a) {
				s.live(ctx, writes, identity, a)
			}
		}
		for _, a := range u.leaving {
			if carrier(a) == carriers && s.mayGo(identity, u, a) {
				s.concluded = append(s.concluded, &conclusion{about: a})
				writes.Go(func() error { return s.release(ctx, a) })
			}
		}
	}
	return writes.Wait()
}

// mayGo reports whether one who leaves an identity may be let go.
func (s *settlement) mayGo(identity string, u *users, a *aadpodid.AzureAssignedIdentity) bool {
	if carrier(a) && s.keeps(a) {
		return false
	}
	_, there := s.state.ClientIDs[identity]
	if len(u.live) > 0 {
		// While it is there, or may come, it is releaseShared that knows when.
		return carrier(a) || (!there && !s.state.Updating && !s.memory.unsure)
	}
	stays := there && s.mayRemove(identity, u, s.state, s.memory)
	return len(u.revoked) == 0 && !stays && !s.mayCome(identity, u, s.state)
}

// live marks a live one.
func (s *settlement) live(ctx context.Context, writes *errgroup.Group, identity string, a *aadpodid.AzureAssignedIdentity) {
	clientID, there := s.state.ClientIDs[identity]
	v := verdict{there: there, found: there && !s.memory.ours[identity], condition: Condition(ReasonAssigned, "")}
	v.keep = carrier(a) && s.keeps(a)
	v.verified = there && clientID != "" && strings.EqualFold(clientID, a.Spec.AzureIdentityRef.Spec.ClientID)
	if !v.verified {
		v.condition = s.explain(a, identity, s.id, clientID, there, s.memory)
	}
	c := &conclusion{about: a}
	if there {
		s.concluded = append(s.concluded, c)
	}
	writes.Go(func() (err error) {
		c.written, err = s.mark(ctx, a, v)
		return err
	})
}

// verdict is what is known of a live assigned identity.
type verdict struct {
	// there: the identity is on the scale set; found: it was before mic came;
	// verified: and its client ID is the one that the AzureIdentity says.
	there, found, verified bool
	keep                   bool // what it announces is still needed
	// condition says why not; without a reason nothing new is known.
	condition metav1.Condition
}

// mark sets the state and condition of a live assigned identity, and returns what
// it wrote, if anything. It writes on top of exactly the version that was judged:
// if the object has changed since, for instance to another client ID, the write
// fails and its event brings the next pass.
func (s *settlement) mark(ctx context.Context, a *aadpodid.AzureAssignedIdentity, v verdict) (*aadpodid.AzureAssignedIdentity, error) {
	state := aadpodid.StateCreated
	if v.verified {
		state = aadpodid.StateAssigned
	}
	changed := a.DeepCopy()
	told := v.condition.Reason != "" && s.setCondition(changed, v.condition)
	// Whose work it is is remembered also for a pod that can't have it: the next
	// mic must not take it for its own.
	entered := v.there && enter(changed, v.found, v.keep)
	if a.Status.Status == state && !told && !entered {
		return nil, nil
	}
	changed.Status.Status = state
	changed.Status.AvailableReplicas = 1
	err := s.Kube.Patch(ctx, changed, client.MergeFromWithOptions(a, client.MergeFromWithOptimisticLock{}))
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		s.overtaken.Store(true)
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("marking assigned identity %s/%s as %s: %w", a.Namespace, a.Name, state, err)
	}
	if v.verified && a.Status.Status != state {
		s.Metrics.assigned(s.Clock.Now().Sub(a.CreationTimestamp.Time))
		s.applied.add(a)
	}
	return changed, nil
}

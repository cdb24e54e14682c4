package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"
)

// Group commit: while transactions are under way, those that arrive wait and then
// go to etcd as one, with one round trip, one entry of its log and one sync for all
// of them.
//
// Each stays all or nothing, and it can't be told from going alone: only those
// share of which none writes what another one writes or has a condition on, so that
// they mean the same in any order. When a condition of any of them fails, or etcd
// refuses the whole, nothing was written, and each goes alone.
const (
	// flights is how many transactions are under way before others wait: one is
	// decided on while the one before it is synced.
	flights = 2
	// What shares a transaction is bounded: etcd takes 1.5 MiB.
	mostShared  = MaxOps
	mostOfOne   = 32
	bytesShared = 512 << 10
	bytesOfOne  = 64 << 10
)

// group is who waits to share a transaction.
type group struct {
	mu      sync.Mutex
	flying  int
	waiting []*member
	closed  bool
	sending sync.WaitGroup // of those that lead others; begun under mu, and not after closed
}

// member is a transaction that may share.
type member struct {
	conds []Cond
	ops   []Op
	size  int
	frees bool         // only deletes, which a full etcd takes as well
	told  chan verdict // has room for the one that comes
}

// verdict is what a member that waited is told.
type verdict struct {
	next     turn
	revision int64
	err      error
}

// turn is what a member does then.
type turn int

const (
	finish turn = iota // others have written it, or failed to
	lead               // it goes, and takes along who waits
	alone              // it goes by itself
)

// newMember returns nil for what goes alone: what is large, what is under a lease
// that may be lost, and mere questions.
func newMember(conds []Cond, ops []Op) *member {
	if len(ops) == 0 || len(ops)+len(conds) > mostOfOne {
		return nil
	}
	m := &member{conds: conds, ops: ops, frees: true, told: make(chan verdict, 1)}
	for _, o := range ops {
		if o.lease != clientv3.NoLease {
			return nil
		}
		m.frees = m.frees && o.deletes
		m.size += len(o.key) + len(o.value)
	}
	for _, c := range conds {
		m.size += len(c.key) + len(c.end)
	}
	if m.size > bytesOfOne {
		return nil
	}
	return m
}

// commit writes a member's transaction, at once or with others.
func (s *Store) commit(ctx context.Context, m *member) (int64, error) {
	if s.group.begin(m) {
		return s.lead(ctx, m)
	}
	select {
	case v := <-m.told:
		return s.obey(ctx, m, v)
	case <-ctx.Done():
	}
	if s.group.leave(m) {
		return 0, fmt.Errorf("writing: %w", ctx.Err())
	}
	select {
	case v := <-m.told:
		return s.obey(ctx, m, v)
	default: // it is under way, and may or may not be written
		return 0, fmt.Errorf("writing: %w", ctx.Err())
	}
}

// obey does what a member was told.
func (s *Store) obey(ctx context.Context, m *member, v verdict) (int64, error) {
	switch v.next {
	case lead:
		return s.lead(ctx, m)
	case alone:
		return s.commitAlone(ctx, m.conds, m.ops)
	case finish:
	}
	return v.revision, v.err
}

// lead writes the member's transaction and those of who waits and fits.
func (s *Store) lead(ctx context.Context, m *member) (int64, error) {
	if err := ctx.Err(); err != nil {
		s.group.pass()
		return 0, fmt.Errorf("writing: %w", err)
	}
	all := s.group.company(m)
	if all == nil {
		defer s.group.pass()
		return s.commitAlone(ctx, m.conds, m.ops)
	}
	// Whoever leads may go away, as any other; the rest stays. This ends within
	// callTimeout, or with Close.
	go func() {
		defer s.group.sending.Done() // company has added it
		shared, cancel := bounded(context.WithoutCancel(ctx))
		defer cancel()
		revision, err := s.send(shared, all.conds, all.ops)
		s.group.pass()
		v := verdict{next: finish, revision: revision, err: err}
		if errors.Is(err, ErrConflict) || refused(err) {
			v = verdict{next: alone}
		}
		for _, one := range all.members {
			one.told <- v
		}
	}()
	select {
	case v := <-m.told:
		return s.obey(ctx, m, v)
	case <-ctx.Done(): // it may or may not be written
		return 0, fmt.Errorf("writing: %w", ctx.Err())
	}
}

// refused reports whether etcd has rejected a transaction without trying it, which
// may be one member's fault. ErrFull isn't such: etcd also says so of the
// transaction that it has written, and which filled it. It is true of all members,
// since what only deletes shares with its like.
func refused(err error) bool {
	var e rpctypes.EtcdError
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code() {
	case codes.InvalidArgument, codes.PermissionDenied, codes.NotFound:
		return true
	}
	return false
}

// begin reports whether the member goes at once; otherwise it waits.
func (g *group) begin(m *member) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.flying < flights {
		g.flying++
		return true
	}
	g.waiting = append(g.waiting, m)
	return false
}

// leave reports whether the member was still waiting, which it then isn't any more.
func (g *group) leave(m *member) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := slices.Index(g.waiting, m)
	if i >= 0 {
		g.waiting = slices.Delete(g.waiting, i, i+1)
	}
	return i >= 0
}

// pass makes the one that has waited longest lead the next transaction.
func (g *group) pass() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.waiting) == 0 {
		g.flying--
		return
	}
	next := g.waiting[0]
	g.waiting = slices.Delete(g.waiting, 0, 1)
	next.told <- verdict{next: lead}
}

// company takes those out of the waiting that can share the member's transaction,
// and returns what they all are; nil if there are none. Who leads them has to say
// when he is done.
func (g *group) company(m *member) *footprint {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.waiting) == 0 || g.closed {
		return nil
	}
	all := newFootprint(m)
	g.waiting = slices.DeleteFunc(g.waiting, all.add)
	if len(all.members) == 1 {
		return nil
	}
	g.sending.Add(1)
	return all
}

// close waits for those that lead others, once the connection is closed: they fail
// with it, and the rest of who waits goes alone and fails.
func (g *group) close() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.sending.Wait()
}

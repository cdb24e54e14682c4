package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/lanyard-project/lanyard/internal/store"
	"github.com/lanyard-project/lanyard/internal/store/storetest"
)

// passage is what transactions go through on their way to etcd.
type passage struct {
	clientv3.KV
	asked  func(conds []clientv3.Cmp) // nil is fine
	commit func(ops []clientv3.Op, commit func() (*clientv3.TxnResponse, error)) (*clientv3.TxnResponse, error)
}

func (p *passage) Txn(ctx context.Context) clientv3.Txn {
	return &passing{Txn: p.KV.Txn(ctx), passage: p}
}

type passing struct {
	clientv3.Txn
	passage *passage
	ops     []clientv3.Op
}

func (p *passing) If(conds ...clientv3.Cmp) clientv3.Txn {
	if p.passage.asked != nil {
		p.passage.asked(conds)
	}
	p.Txn = p.Txn.If(conds...)
	return p
}

func (p *passing) Then(ops ...clientv3.Op) clientv3.Txn {
	p.Txn, p.ops = p.Txn.Then(ops...), ops
	return p
}

func (p *passing) Commit() (*clientv3.TxnResponse, error) {
	return p.passage.commit(p.ops, p.Txn.Commit)
}

func through(s *store.Store, commit func([]clientv3.Op, func() (*clientv3.TxnResponse, error)) (*clientv3.TxnResponse, error)) {
	s.Through(func(kv clientv3.KV) clientv3.KV { return &passage{KV: kv, commit: commit} })
}

func TestWhatManyDependOnIsAskedOnce(t *testing.T) {
	s := storetest.New(t)
	if _, err := s.Txn(t.Context(), nil, []store.Op{written("/p/group")}); err != nil {
		t.Fatal(err)
	}
	var most atomic.Int32
	s.Through(func(kv clientv3.KV) clientv3.KV {
		return &passage{KV: kv,
			asked: func(conds []clientv3.Cmp) { most.Store(max(most.Load(), int32(len(conds)))) }, //nolint:gosec // a handful
			commit: func(_ []clientv3.Op, commit func() (*clientv3.TxnResponse, error)) (*clientv3.TxnResponse, error) {
				return commit()
			},
		}
	})
	var all []func(context.Context) (int64, error)
	for i := range 10 {
		key := fmt.Sprint("/p/group/", i)
		all = append(all, txn(s, []store.Cond{store.Exists("/p/group"), store.Absent(key)}, written(key)))
	}
	for i, o := range together(t, s, all...) {
		if o.err != nil {
			t.Errorf("transaction %d: %v", i, o.err)
		}
	}
	// All share one, or the two first let go do: with it each has a condition of its own.
	if n := most.Load(); n < 2 || n > 11 {
		t.Errorf("etcd was asked %d conditions at once", n)
	}
}

// etcd says that it is full also of the transaction that filled it, which it wrote;
// and of an answer that is lost nobody knows.
func TestWhatMayBeWrittenIsNotTriedAgain(t *testing.T) {
	for name, c := range map[string]struct{ answer, want error }{
		"it filled the database": {rpctypes.ErrNoSpace, store.ErrFull},
		"its answer was lost":    {rpctypes.ErrTimeoutDueToConnectionLost, rpctypes.ErrTimeoutDueToConnectionLost},
		"its time was over":      {context.DeadlineExceeded, context.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			s := storetest.New(t)
			var tried atomic.Int32 // writes
			through(s, func(ops []clientv3.Op, commit func() (*clientv3.TxnResponse, error)) (*clientv3.TxnResponse, error) {
				tried.Add(int32(len(ops))) //nolint:gosec // a handful
				if _, err := commit(); err != nil {
					return nil, err
				}
				return nil, c.answer
			})
			out := together(t, s,
				txn(s, []store.Cond{store.Absent("/a/1")}, written("/a/1")),
				txn(s, []store.Cond{store.Absent("/a/2")}, written("/a/2")),
				txn(s, []store.Cond{store.Absent("/a/3")}, written("/a/3")))
			for i, o := range out {
				if !errors.Is(o.err, c.want) {
					t.Errorf("transaction %d: %v, want %v", i, o.err, c.want)
				}
			}
			if n := tried.Load(); n != 3 {
				t.Errorf("3 writes were tried %d times", n)
			}
		})
	}
}

func TestAFullDatabaseTakesDeletionsOfManyAtOnce(t *testing.T) {
	s := storetest.New(t)
	if _, err := s.Txn(t.Context(), nil, []store.Op{written("/a/1"), written("/a/2")}); err != nil {
		t.Fatal(err)
	}
	through(s, func(ops []clientv3.Op, commit func() (*clientv3.TxnResponse, error)) (*clientv3.TxnResponse, error) {
		if slices.ContainsFunc(ops, clientv3.Op.IsPut) {
			return nil, rpctypes.ErrNoSpace
		}
		return commit()
	})
	out := together(t, s,
		txn(s, nil, written("/a/3")),
		txn(s, nil, store.Delete("/a/1")),
		txn(s, nil, written("/a/4")),
		txn(s, nil, store.Delete("/a/2")))
	for i, want := range []error{store.ErrFull, nil, store.ErrFull, nil} {
		if !errors.Is(out[i].err, want) {
			t.Errorf("transaction %d: %v, want %v", i, out[i].err, want)
		}
	}
}

func TestWhoLeadsMayGoAway(t *testing.T) {
	s := storetest.New(t)
	begun, goOn := make(chan struct{}, 8), make(chan struct{})
	through(s, func(_ []clientv3.Op, commit func() (*clientv3.TxnResponse, error)) (*clientv3.TxnResponse, error) {
		begun <- struct{}{}
		<-goOn
		return commit()
	})
	begin := func(ctx context.Context, key string) <-chan error {
		ended := make(chan error, 1)
		go func() {
			_, err := s.Txn(ctx, nil, []store.Op{written(key)})
			ended <- err
		}()
		return ended
	}
	// As many as may be under way are; the next two wait, and share.
	var before []<-chan error
	for i := range 2 {
		before = append(before, begin(t.Context(), fmt.Sprint("/a/", i)))
		<-begun
	}
	leader, cancel := context.WithCancel(t.Context())
	leads := begin(leader, "/a/leads")
	await(t, func() bool { return s.Waiting() == 1 })
	stays := begin(t.Context(), "/a/stays")
	await(t, func() bool { return s.Waiting() == 2 })
	goOn <- struct{}{}
	<-begun
	if n := s.Waiting(); n != 0 {
		t.Fatalf("%d wait, want both to share", n)
	}
	cancel()
	if err := <-leads; !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want the context's error", err)
	}
	close(goOn)
	for _, ended := range append(before, stays) {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	await(t, func() bool { return s.Flying() == 0 })
}

// What conditions weigh counts as well: gRPC sends no more than 2 MiB.
func TestManyLongConditionsDoNotShare(t *testing.T) {
	s := storetest.New(t)
	var all []func(context.Context) (int64, error)
	for i := range 40 {
		var conds []store.Cond
		for j := range 30 {
			conds = append(conds, store.Absent(fmt.Sprint("/c/", i, "/", j, "/", strings.Repeat("x", 2000))))
		}
		all = append(all, txn(s, conds, written(fmt.Sprint("/a/", i))))
	}
	for i, o := range together(t, s, all...) {
		if o.err != nil {
			t.Errorf("transaction %d: %v", i, o.err)
		}
	}
}

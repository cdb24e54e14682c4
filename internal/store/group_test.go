package store_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lanyard-project/lanyard/internal/store"
	"github.com/lanyard-project/lanyard/internal/store/storetest"
)

// outcome is how a transaction ended.
type outcome struct {
	revision int64
	err      error
}

// together begins the transactions one after the other while others are under way,
// and returns how each ended once they could go.
func together(t *testing.T, s *store.Store, all ...func(context.Context) (int64, error)) []outcome {
	t.Helper()
	release := s.Hold()
	out := make([]outcome, len(all))
	var group sync.WaitGroup
	for i, one := range all {
		group.Go(func() { out[i].revision, out[i].err = one(t.Context()) })
		await(t, func() bool { return s.Waiting() == i+1 })
	}
	release()
	group.Wait()
	if s.Flying() != 0 || s.Waiting() != 0 {
		t.Errorf("%d are under way and %d wait at the end", s.Flying(), s.Waiting())
	}
	return out
}

func await(t *testing.T, what func() bool) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); !what(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it never came to that")
		}
	}
}

// txn is a transaction yet to begin.
func txn(s *store.Store, conds []store.Cond, ops ...store.Op) func(context.Context) (int64, error) {
	return func(ctx context.Context) (int64, error) { return s.Txn(ctx, conds, ops) }
}

func written(key string) store.Op { return store.Put(key, []byte("v")) }

func TestTransactionsThatWaitShareOne(t *testing.T) {
	s := storetest.New(t)
	following(t, s)
	var all []func(context.Context) (int64, error)
	for i := range 50 {
		key := fmt.Sprint("/a/", i)
		all = append(all, txn(s, []store.Cond{store.Absent(key)}, written(key), written(key+"/more")))
	}
	out := together(t, s, all...)
	revisions := map[int64]int{}
	for i, o := range out {
		if o.err != nil {
			t.Fatal(o.err)
		}
		revisions[o.revision]++
		item, err := s.Get(t.Context(), fmt.Sprint("/a/", i, "/more"))
		if err != nil || item.Revision != o.revision {
			t.Errorf("%d: %+v, %v, want revision %d", i, item, err, o.revision)
		}
	}
	// The first that was let go took all along, or the two first shared them.
	if len(revisions) > 2 {
		t.Errorf("%d transactions went as %d", len(all), len(revisions))
	}
}

func TestOneMembersConflictIsItsOwn(t *testing.T) {
	s := storetest.New(t)
	if _, err := s.Txn(t.Context(), nil, []store.Op{written("/a/there")}); err != nil {
		t.Fatal(err)
	}
	out := together(t, s,
		txn(s, []store.Cond{store.Absent("/a/1")}, written("/a/1")),
		txn(s, []store.Cond{store.Absent("/a/there")}, written("/a/there")),
		txn(s, []store.Cond{store.Exists("/a/there")}, written("/a/2")),
		txn(s, []store.Cond{store.NoneBelow("/a/th")}, written("/a/3")))
	for i, want := range []error{nil, store.ErrConflict, nil, store.ErrConflict} {
		if !errors.Is(out[i].err, want) {
			t.Errorf("transaction %d: %v, want %v", i, out[i].err, want)
		}
	}
	page, err := s.List(t.Context(), "/a/", store.ListOptions{})
	if err != nil || len(page.Items) != 3 {
		t.Errorf("%+v, %v", page, err)
	}
}

func TestOneMembersFaultIsItsOwn(t *testing.T) {
	s := storetest.New(t)
	out := together(t, s,
		txn(s, nil, written("/a/1")),
		txn(s, nil, written("/a/2"), written("/a/2")), // etcd takes a key once in a transaction
		txn(s, nil, written("/a/3")))
	if out[0].err != nil || out[1].err == nil || out[2].err != nil {
		t.Errorf("%+v", out)
	}
	if _, err := s.Get(t.Context(), "/a/2"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("what was refused was written: %v", err)
	}
}

// What means something to each other must not share: each would be judged by the
// state before the other.
func TestWhatDependsOnEachOtherDoesNotShare(t *testing.T) {
	for name, c := range map[string]struct {
		first, second func(*store.Store) func(context.Context) (int64, error)
	}{
		"a child made while its parent is removed": {
			func(s *store.Store) func(context.Context) (int64, error) {
				return txn(s, []store.Cond{store.NoneBelow("/p/x/")}, store.Delete("/p/x"))
			},
			func(s *store.Store) func(context.Context) (int64, error) {
				return txn(s, []store.Cond{store.Exists("/p/x")}, written("/p/x/child"))
			},
		},
		"a parent removed while a child is made": {
			func(s *store.Store) func(context.Context) (int64, error) {
				return txn(s, []store.Cond{store.Exists("/p/x")}, written("/p/x/child"))
			},
			func(s *store.Store) func(context.Context) (int64, error) {
				return txn(s, []store.Cond{store.NoneBelow("/p/x/")}, store.Delete("/p/x"))
			},
		},
		"two that make the same": {
			func(s *store.Store) func(context.Context) (int64, error) {
				return txn(s, []store.Cond{store.Absent("/p/y")}, written("/p/y"))
			},
			func(s *store.Store) func(context.Context) (int64, error) {
				return txn(s, []store.Cond{store.Absent("/p/y")}, written("/p/y"))
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := storetest.New(t)
			if _, err := s.Txn(t.Context(), nil, []store.Op{written("/p/x")}); err != nil {
				t.Fatal(err)
			}
			out := together(t, s, c.first(s), c.second(s))
			one := out[0].err == nil && errors.Is(out[1].err, store.ErrConflict)
			other := out[1].err == nil && errors.Is(out[0].err, store.ErrConflict)
			if !one && !other {
				t.Errorf("%+v, want one to be written and one to conflict", out)
			}
		})
	}
}

func TestWhoGoesAwayHoldsUpNobody(t *testing.T) {
	s := storetest.New(t)
	release := s.Hold()
	gone, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := s.Txn(gone, nil, []store.Op{written("/a/gone")})
		ended <- err
	}()
	await(t, func() bool { return s.Waiting() == 1 })
	stays := make(chan error)
	go func() {
		_, err := s.Txn(t.Context(), nil, []store.Op{written("/a/stays")})
		stays <- err
	}()
	await(t, func() bool { return s.Waiting() == 2 })
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want the context's error", err)
	}
	release()
	if err := <-stays; err != nil {
		t.Error(err)
	}
	if _, err := s.Get(t.Context(), "/a/gone"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("what never went was written: %v", err)
	}
	if s.Flying() != 0 {
		t.Errorf("%d under way at the end", s.Flying())
	}
}

// TestSharedTransactionsMeanWhatTheyMeantAlone: parents that are removed only when
// they have no child, children that are made only below a parent, and counters that
// nobody's step is lost of, by many at once, some of whom go away.
func TestSharedTransactionsMeanWhatTheyMeantAlone(t *testing.T) {
	s := storetest.New(t)
	const workers, steps, parents = 8, 30, 3
	var group sync.WaitGroup
	var mu sync.Mutex
	counted := map[string]int{}
	for w := range workers {
		group.Go(func() {
			random := rand.New(rand.NewPCG(uint64(w), 1)) //nolint:gosec // a test's dice
			for i := range steps {
				parent := fmt.Sprint("/p/", random.IntN(parents))
				child := fmt.Sprint(parent, "/c", random.IntN(4))
				ctx, cancel := context.WithCancel(t.Context())
				if random.IntN(10) == 0 {
					time.AfterFunc(time.Duration(random.IntN(3))*time.Millisecond, cancel)
				}
				var err error
				switch random.IntN(5) {
				case 0:
					_, err = s.Txn(ctx, []store.Cond{store.Absent(parent)}, []store.Op{written(parent)})
				case 1:
					_, err = s.Txn(ctx, []store.Cond{store.NoneBelow(parent + "/")}, []store.Op{store.Delete(parent)})
				case 2:
					_, err = s.Txn(ctx, []store.Cond{store.Exists(parent)}, []store.Op{written(child)})
				case 3:
					_, err = s.Txn(ctx, nil, []store.Op{store.Delete(child)})
				case 4:
					key := fmt.Sprint("/n/", random.IntN(2))
					err = count(t.Context(), s, key)
					mu.Lock()
					counted[key]++
					mu.Unlock()
				}
				cancel()
				if err != nil && !errors.Is(err, store.ErrConflict) && !errors.Is(err, context.Canceled) {
					t.Errorf("worker %d, step %d: %v", w, i, err)
					return
				}
				if i%5 == 0 {
					orphans(t, s)
				}
			}
		})
	}
	group.Wait()
	for key, want := range counted {
		if item, err := s.Get(t.Context(), key); err != nil || len(item.Value) != want {
			t.Errorf("%s was counted to %d, want %d, %v", key, len(item.Value), want, err)
		}
	}
	if s.Flying() != 0 || s.Waiting() != 0 {
		t.Errorf("%d under way and %d waiting at the end", s.Flying(), s.Waiting())
	}
}

// count adds one to a counter, as long as it takes.
func count(ctx context.Context, s *store.Store, key string) error {
	for {
		item, err := s.Get(ctx, key)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		_, err = s.Txn(ctx, []store.Cond{store.Unchanged(key, item.Revision)}, []store.Op{store.Put(key, append(item.Value, 'x'))})
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
}

// orphans fails when there is a child without its parent.
func orphans(t *testing.T, s *store.Store) {
	t.Helper()
	page, err := s.List(t.Context(), "/p/", store.ListOptions{})
	if err != nil {
		t.Error(err)
		return
	}
	there := map[string]bool{}
	for _, item := range page.Items {
		there[item.Key] = true
	}
	for key := range there {
		if i := strings.Index(key, "/c"); i >= 0 && !there[key[:i]] {
			t.Errorf("%s has no parent", key)
		}
	}
}

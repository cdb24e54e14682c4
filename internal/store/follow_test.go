package store_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/store"
	"github.com/lanyard-project/lanyard/internal/store/storetest"
)

// following is a store that reads "/a/" from memory.
func following(t *testing.T, s *store.Store) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context())) // the cleanup waits for its end
	done, err := s.Follow(ctx, "/a/", clock.RealClock{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); <-done })
}

// other is another process with the same etcd.
func other(t *testing.T, endpoint string) *store.Store {
	t.Helper()
	s, err := store.Open(store.Config{Endpoints: []string{endpoint}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestWhatIsFollowedIsReadFromMemory(t *testing.T) {
	s, endpoint := storetest.NewShared(t)
	put(t, s, "/a/before", "1")
	put(t, s, "/b/outside", "1")
	following(t, s)
	ctx := t.Context()

	item, err := s.Get(ctx, "/a/before")
	if err != nil || !s.FromMemory("/a/before") || string(item.Value) != "1" {
		t.Fatal(item, err)
	}
	if outside, err := s.Get(ctx, "/b/outside"); err != nil || s.FromMemory("/b/outside") {
		t.Error(outside, err)
	}
	// Our own writes are there at once.
	revision := put(t, s, "/a/before", "2")
	if item, err := s.Get(ctx, "/a/before"); err != nil || string(item.Value) != "2" || item.Revision != revision {
		t.Error(item, err)
	}
	if _, err := s.Txn(ctx, nil, []store.Op{store.Delete("/a/before")}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(ctx, "/a/before"); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
	// Others' come with the watch.
	theirs := other(t, endpoint)
	put(t, theirs, "/a/theirs", "1")
	eventually(t, func() bool { _, err := s.Get(ctx, "/a/theirs"); return err == nil })
	if _, err := theirs.Txn(ctx, nil, []store.Op{store.Delete("/a/theirs")}); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { _, err := s.Get(ctx, "/a/theirs"); return errors.Is(err, store.ErrNotFound) })

	for i := range 25 {
		put(t, s, fmt.Sprintf("/a/many/%02d", i), "x")
	}
	var keys []string
	options := store.ListOptions{Limit: 10}
	for {
		page, err := s.List(ctx, "/a/many/", options)
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range page.Items {
			keys = append(keys, item.Key)
			options.After = item.Key
		}
		if !page.More {
			break
		}
	}
	if len(keys) != 25 || keys[0] != "/a/many/00" || keys[24] != "/a/many/24" {
		t.Error(keys)
	}
}

func eventually(t *testing.T, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it never came")
		}
	}
}

// TestAConflictIsDecidedByTheNewState lets two processes count on one item: each
// decides by its memory, and a conflict must not be decided by it again.
func TestAConflictIsDecidedByTheNewState(t *testing.T) {
	s, endpoint := storetest.NewShared(t)
	theirs := other(t, endpoint)
	following(t, s)
	following(t, theirs)
	put(t, s, "/a/count", "")
	eventually(t, func() bool { _, err := theirs.Get(t.Context(), "/a/count"); return err == nil })
	const each = 100
	var group sync.WaitGroup
	for _, counter := range []*store.Store{s, theirs} {
		group.Go(func() {
			for range each {
				for tries := 0; ; tries++ {
					item, err := counter.Get(t.Context(), "/a/count")
					if err == nil {
						_, err = counter.Txn(t.Context(), []store.Cond{store.Unchanged(item.Key, item.Revision)},
							[]store.Op{store.Put(item.Key, append(append([]byte{}, item.Value...), 'x'))})
					}
					if err == nil {
						break
					}
					// A true conflict is one step of the other: who decides by the state
					// after it has no more of them than the other takes steps.
					if tries > 2*each {
						t.Errorf("decided by the old state %d times: %v", tries, err)
						return
					}
				}
			}
		})
	}
	group.Wait()
	for _, counter := range []*store.Store{s, theirs} { // the last write of the other one is on its way
		eventually(t, func() bool {
			item, err := counter.Get(t.Context(), "/a/count")
			return err == nil && len(item.Value) == 2*each
		})
	}
}

func TestNoneBelow(t *testing.T) {
	s := storetest.New(t)
	none := []store.Cond{store.NoneBelow("/a/x/")}
	if _, err := s.Txn(t.Context(), none, []store.Op{store.Put("/a/y", nil)}); err != nil {
		t.Fatal(err)
	}
	put(t, s, "/a/x/1", "")
	if _, err := s.Txn(t.Context(), none, []store.Op{store.Put("/a/y", nil)}); !errors.Is(err, store.ErrConflict) {
		t.Error(err)
	}
}

package mirror

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lanyard-project/lanyard/internal/store"
	"github.com/lanyard-project/lanyard/internal/store/storetest"
	"k8s.io/utils/clock"
)

// copyOf is an owner's index: simply the values by key.
type copyOf struct {
	mu     sync.Mutex
	values map[string]string
}

func (c *copyOf) get() map[string]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.values)
}

func newMirror(s *store.Store) (*Mirror, *copyOf) {
	c := &copyOf{values: map[string]string{}}
	m := New(Config{
		Store: s, Prefix: "/a/", Match: func(key string) bool { return !strings.HasSuffix(key, "/other") },
		Put: func(item store.Item) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.values[item.Key] = string(item.Value)
		},
		Delete: func(key string) {
			c.mu.Lock()
			defer c.mu.Unlock()
			delete(c.values, key)
		},
		Log: slog.New(slog.DiscardHandler), Clock: clock.RealClock{},
	})
	return m, c
}

func write(t *testing.T, s *store.Store, ops ...store.Op) {
	t.Helper()
	if _, err := s.Txn(t.Context(), nil, ops); err != nil {
		t.Fatal(err)
	}
}

func follow(t *testing.T, m *Mirror) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- m.Follow(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Follow ended with %v", err)
		}
	})
}

func eventually(t *testing.T, c *copyOf, want map[string]string) {
	t.Helper()
	var diff string
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if diff = cmp.Diff(want, c.get()); diff == "" {
			return
		}
	}
	t.Fatalf("mirror (-want +got):\n%s", diff)
}

func TestLoadThenFollow(t *testing.T) {
	s := storetest.New(t)
	write(t, s, store.Put("/a/1", []byte("x")), store.Put("/a/2", []byte("y")), store.Put("/a/other", []byte("z")), store.Put("/b/1", []byte("z")))
	m, c := newMirror(s)
	if err := m.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"/a/1": "x", "/a/2": "y"}, c.get()); diff != "" {
		t.Errorf("after Load (-want +got):\n%s", diff)
	}
	write(t, s, store.Put("/a/1", []byte("x2")), store.Delete("/a/2"), store.Put("/a/3", []byte("new")))
	follow(t, m)
	eventually(t, c, map[string]string{"/a/1": "x2", "/a/3": "new"})
}

func TestLoadReadsEveryPageAndForgetsWhatIsGone(t *testing.T) {
	s := storetest.New(t)
	want := map[string]string{}
	for i := range pageSize + 10 {
		key := fmt.Sprintf("/a/%04d", i)
		write(t, s, store.Put(key, []byte("v")))
		want[key] = "v"
	}
	m, c := newMirror(s)
	if err := m.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	write(t, s, store.Delete("/a/0003"))
	delete(want, "/a/0003")
	if err := m.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, c.get()); diff != "" {
		t.Errorf("after the second Load (-want +got):\n%s", diff)
	}
}

func TestOwnWritesAreToldAtOnce(t *testing.T) {
	s := storetest.New(t)
	m, c := newMirror(s)
	if err := m.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	// Nobody follows: what is told comes from the store alone.
	told := func(want map[string]string, ops ...store.Op) {
		t.Helper()
		write(t, s, ops...)
		if diff := cmp.Diff(want, c.get()); diff != "" {
			t.Fatalf("mirror (-want +got):\n%s", diff)
		}
	}
	told(map[string]string{"/a/1": "x"}, store.Put("/a/1", []byte("x")), store.Put("/a/other", nil), store.Put("/b/1", nil))
	told(map[string]string{}, store.Delete("/a/1"), store.Delete("/a/never-there"))
	// A follower that begins now meets the old changes and must not bring them back.
	follow(t, m)
	write(t, s, store.Put("/a/2", []byte("y")))
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		got := c.get()
		if _, back := got["/a/1"]; back {
			t.Fatal("a removed key came back")
		}
		if got["/a/2"] == "y" {
			return
		}
	}
	t.Fatal("the follower never caught up")
}

// TestToldInAnyOrder gives the mirror one history of a key, from the store's watch and
// from who wrote it, in every order that can come: the watch's is the history's, and
// who wrote comes at any time, but for the answer that is lost.
func TestToldInAnyOrder(t *testing.T) {
	put := func(revision int64, value string) store.Event {
		return store.Event{Type: store.EventPut, Item: store.Item{Key: "/a/1", Value: []byte(value), Revision: revision}}
	}
	gone := func(revision int64) store.Event {
		return store.Event{Type: store.EventDelete, Item: store.Item{Key: "/a/1", Revision: revision}}
	}
	for what, history := range map[string][]store.Event{
		"changed":           {put(1, "a"), put(2, "b"), put(3, "c")},
		"removed":           {put(1, "a"), put(2, "b"), gone(3)},
		"removed and back":  {put(1, "a"), gone(2), put(3, "c")},
		"never there":       {gone(1), gone(2), put(3, "c")},
		"removed and again": {put(1, "a"), gone(2), gone(3)},
	} {
		t.Run(what, func(t *testing.T) {
			want := map[string]string{}
			if last := history[len(history)-1]; last.Type == store.EventPut {
				want["/a/1"] = string(last.Item.Value)
			}
			// Each of ours is told before so many events of the watch have come; one too many: its answer is lost.
			never := len(history) + 1
			for first := range never + 1 {
				for second := range never + 1 {
					for third := range never + 1 {
						m, c := newMirror(nil)
						for came := range len(history) + 1 {
							for i, at := range []int{third, second, first} { // the later ones first
								if at == came {
									m.written(history[len(history)-1-i])
								}
							}
							if came < len(history) {
								m.delivered(history[came].Item, history[came].Type == store.EventDelete)
							}
						}
						if diff := cmp.Diff(want, c.get()); diff != "" {
							t.Errorf("told at %d, %d, %d (-want +got):\n%s", first, second, third, diff)
						}
						m.delivered(store.Item{Key: "/a/elsewhere/other", Revision: 4}, false)
						if len(m.gone) != 0 {
							t.Errorf("told at %d, %d, %d: removals are remembered for ever: %v", first, second, third, m.gone)
						}
					}
				}
			}
		})
	}
}

// TestLearnedIsTold: what somebody else has written, and who needs it has read, isn't
// waited for.
func TestLearnedIsTold(t *testing.T) {
	s, endpoint := storetest.NewShared(t)
	theirs, err := store.Open(store.Config{Endpoints: []string{endpoint}})
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	m, c := newMirror(s)
	if err := m.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	write(t, theirs, store.Put("/a/1", []byte("x")))
	item, err := s.Get(t.Context(), "/a/1")
	if err != nil {
		t.Fatal(err)
	}
	if len(c.get()) != 0 {
		t.Error("told before anybody knew")
	}
	m.Learn(item)
	if diff := cmp.Diff(map[string]string{"/a/1": "x"}, c.get()); diff != "" {
		t.Errorf("mirror (-want +got):\n%s", diff)
	}
	write(t, theirs, store.Delete("/a/1"))
	follow(t, m)
	eventually(t, c, map[string]string{})
	m.Learn(item) // it was read before, and is told late
	if diff := cmp.Diff(map[string]string{}, c.get()); diff != "" {
		t.Errorf("mirror (-want +got):\n%s", diff)
	}
}

// TestRaces lets writers be told of while the watch delivers: in the end the mirror
// must be what the store is.
func TestRaces(t *testing.T) {
	s := storetest.New(t)
	m, c := newMirror(s)
	if err := m.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	follow(t, m)
	var writers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() {
			for i := range 100 {
				key := fmt.Sprintf("/a/%d", i%3)
				op := store.Put(key, fmt.Appendf(nil, "%d-%d", w, i))
				if (i+w)%2 == 0 {
					op = store.Delete(key)
				}
				if _, err := s.Txn(t.Context(), nil, []store.Op{op}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	page, err := s.List(t.Context(), "/a/", store.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for _, item := range page.Items {
		want[item.Key] = string(item.Value)
	}
	eventually(t, c, want)
}

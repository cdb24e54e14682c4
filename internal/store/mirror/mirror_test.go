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

func TestRefreshTellsAtOnce(t *testing.T) {
	s := storetest.New(t)
	m, c := newMirror(s)
	if err := m.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	// Nobody follows: what is told comes from Refresh alone.
	refresh := func(want map[string]string) {
		t.Helper()
		if err := m.Refresh(t.Context(), "/a/1"); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, c.get()); diff != "" {
			t.Fatalf("mirror (-want +got):\n%s", diff)
		}
	}
	write(t, s, store.Put("/a/1", []byte("x")))
	refresh(map[string]string{"/a/1": "x"})
	write(t, s, store.Delete("/a/1"))
	refresh(map[string]string{})
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

// TestRaces lets writers refresh while the watch delivers: in the end the mirror
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
				if err := m.Refresh(t.Context(), key); err != nil {
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

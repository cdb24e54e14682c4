package tokencache_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/utils/clock"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/lanyard-project/lanyard/internal/node/tokencache"
	"github.com/lanyard-project/lanyard/internal/secret"
)

var key = tokencache.Key{Identity: "i", Resource: "r"}

// minter counts fetches; each gives another token.
type minter struct {
	count  atomic.Int32
	fresh  atomic.Int32 // of those, past the source's memory
	failed error
	slow   time.Duration
	life   time.Duration
}

func (m *minter) fetch(ctx context.Context, fresh bool) (tokencache.Token, error) {
	if fresh {
		m.fresh.Add(1)
	}
	n := m.count.Add(1)
	select {
	case <-time.After(m.slow):
	case <-ctx.Done():
		return tokencache.Token{}, ctx.Err()
	}
	if m.failed != nil {
		return tokencache.Token{}, m.failed
	}
	return tokencache.Token{Access: secret.New(string(rune('0' + n))), ExpiresOn: time.Now().Add(m.life)}, nil
}

func (m *minter) want(t *testing.T, c *tokencache.Cache, token string, fetches int32) {
	t.Helper()
	got, err := c.Get(t.Context(), tokencache.Request{Key: key, Fetch: m.fetch})
	synctest.Wait()
	if err != nil || got.Access.Reveal() != token || m.count.Load() != fetches {
		t.Errorf("got token %q, %v after %d fetches; want %q after %d", got.Access.Reveal(), err, m.count.Load(), token, fetches)
	}
}

func bubble(t *testing.T, f func(t *testing.T, c *tokencache.Cache)) {
	synctest.Test(t, func(t *testing.T) {
		f(t, tokencache.New(t.Context(), clock.RealClock{}, tokencache.Options{Size: 3}))
	})
}

func TestHitRefreshExpiry(t *testing.T) {
	bubble(t, func(t *testing.T, c *tokencache.Cache) {
		m := &minter{life: time.Hour}
		m.want(t, c, "1", 1)
		time.Sleep(20 * time.Minute) // before two fifths of its life
		m.want(t, c, "1", 1)
		time.Sleep(20 * time.Minute) // past three fifths: the old one at once, a new one behind it
		m.want(t, c, "1", 2)
		m.want(t, c, "2", 2)

		m.failed = errors.New("down")
		time.Sleep(50 * time.Minute)
		m.want(t, c, "2", 3) // stale, but valid
		m.want(t, c, "2", 3) // and the source isn't pestered
		time.Sleep(10 * time.Minute)
		if _, err := c.Get(t.Context(), tokencache.Request{Key: key, Fetch: m.fetch}); !errors.Is(err, m.failed) {
			t.Errorf("an expired token with the source down gave %v", err)
		}
		m.failed = nil // failures aren't kept, but for a moment
		time.Sleep(500 * time.Millisecond)
		m.want(t, c, "5", 5)
	})
}

func TestOneFlightOutlivesItsFirstCaller(t *testing.T) {
	bubble(t, func(t *testing.T, c *tokencache.Cache) {
		m := &minter{life: time.Hour, slow: 3 * time.Second}
		var group sync.WaitGroup
		for i := range 50 {
			group.Add(1)
			go func() {
				defer group.Done()
				ctx, cancel := context.WithCancel(t.Context())
				if i == 0 { // the first one gives up
					time.AfterFunc(time.Second, cancel)
				}
				_, err := c.Get(ctx, tokencache.Request{Key: key, Fetch: m.fetch})
				if cancel(); (err != nil) != (i == 0) {
					t.Errorf("caller %d: %v", i, err)
				}
			}()
			synctest.Wait()
		}
		group.Wait()
		if n := m.count.Load(); n != 1 {
			t.Errorf("%d fetches, want 1", n)
		}
	})
}

func TestDrop(t *testing.T) {
	bubble(t, func(t *testing.T, c *tokencache.Cache) {
		m := &minter{life: time.Hour}
		m.want(t, c, "1", 1)
		c.Drop("other")
		m.want(t, c, "1", 1)
		c.Drop("i")
		m.want(t, c, "2", 2)

		// what was under way when the identity was dropped serves nobody afterwards
		c.Drop("i")
		m.slow = 2 * time.Second
		go func() { _, _ = c.Get(t.Context(), tokencache.Request{Key: key, Fetch: m.fetch}) }()
		synctest.Wait()
		c.Drop("i")
		m.want(t, c, "4", 4)
		m.want(t, c, "4", 4)
	})
}

func TestFreshAndBound(t *testing.T) {
	bubble(t, func(t *testing.T, c *tokencache.Cache) {
		m := &minter{life: time.Hour}
		m.want(t, c, "1", 1)
		if got, err := c.Get(t.Context(), tokencache.Request{Key: key, Fresh: true, Fetch: m.fetch}); err != nil || got.Access.Reveal() != "2" {
			t.Errorf("bypassing the cache gave %q, %v", got.Access.Reveal(), err)
		}
		m.failed = errors.New("down")
		if got, err := c.Get(t.Context(), tokencache.Request{Key: key, Fresh: true, Fetch: m.fetch}); err != nil || got.Access.Reveal() != "2" {
			t.Errorf("bypassing the cache with the source down gave %q, %v", got.Access.Reveal(), err)
		}
		m.failed = nil
		for _, resource := range []string{"a", "b", "c", "d"} {
			if _, err := c.Get(t.Context(), tokencache.Request{Key: tokencache.Key{Identity: "i", Resource: resource}, Fetch: m.fetch}); err != nil {
				t.Error(err)
			}
		}
		if c.Len() != 3 {
			t.Errorf("%d tokens, want 3", c.Len())
		}
		m.life = time.Second
		if _, err := c.Get(t.Context(), tokencache.Request{Key: tokencache.Key{Identity: "e"}, Fetch: m.fetch}); err == nil {
			t.Error("an expired token was given out")
		}
	})
}

func TestFailureIsRepeatedForAMoment(t *testing.T) {
	bubble(t, func(t *testing.T, c *tokencache.Cache) {
		m := &minter{life: time.Hour, failed: errors.New("down")}
		for range 100 {
			if _, err := c.Get(t.Context(), tokencache.Request{Key: key, Fetch: m.fetch}); !errors.Is(err, m.failed) {
				t.Errorf("got %v", err)
			}
		}
		if n := m.count.Load(); n != 1 {
			t.Errorf("%d fetches in a moment, want 1", n)
		}
		m.failed = nil
		time.Sleep(499 * time.Millisecond) // still that moment
		if _, err := c.Get(t.Context(), tokencache.Request{Key: key, Fetch: m.fetch}); err == nil || m.count.Load() != 1 {
			t.Errorf("within the moment: %v after %d fetches", err, m.count.Load())
		}
		time.Sleep(time.Millisecond)
		m.want(t, c, "2", 2)
	})
}

// The clock is one that is set, by hand or by NTP.
func TestClockJumps(t *testing.T) {
	start := time.Unix(1_800_000_000, 0)
	for _, test := range []struct {
		name    string
		jump    time.Duration
		want    string // what the caller gets
		fetches int32
	}{
		{"a little ahead", 10 * time.Minute, "1", 1},
		{"ahead, past the time to refresh", 50 * time.Minute, "1", 2},
		{"ahead, past the expiry", 2 * time.Hour, "2", 2},
		{"back", -24 * time.Hour, "1", 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				clk := clocktesting.NewFakePassiveClock(start)
				c := tokencache.New(t.Context(), clk, tokencache.Options{})
				fetches := int32(0)
				fetch := func(context.Context, bool) (tokencache.Token, error) {
					fetches++
					return tokencache.Token{Access: secret.New(string(rune('0' + fetches))), ExpiresOn: clk.Now().Add(time.Hour)}, nil
				}
				if _, err := c.Get(t.Context(), tokencache.Request{Key: key, Fetch: fetch}); err != nil {
					t.Fatal(err)
				}
				clk.SetTime(start.Add(test.jump))
				got, err := c.Get(t.Context(), tokencache.Request{Key: key, Fetch: fetch})
				synctest.Wait()
				if err != nil || got.Access.Reveal() != test.want || fetches != test.fetches {
					t.Errorf("got %q, %v after %d fetches, want %q after %d", got.Access.Reveal(), err, fetches, test.want, test.fetches)
				}
			})
		})
	}
}

package tokencache_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lanyard-project/lanyard/internal/node/tokencache"
)

// A token may be refused long before it expires: its key was taken out of use, its principal made again. The source is asked now and
// then what it gives by now, so that this isn't repeated for hours.
func TestTokenIsNotKeptForHours(t *testing.T) {
	bubble(t, func(t *testing.T, c *tokencache.Cache) {
		m := &minter{life: 24 * time.Hour}
		ask := func() string {
			got, err := c.Get(t.Context(), tokencache.Request{Key: key, Keep: 5 * time.Minute, Fetch: m.fetch})
			synctest.Wait()
			if err != nil {
				t.Error(err)
			}
			return got.Access.Reveal()
		}
		ask()
		time.Sleep(4 * time.Minute)
		if got := ask(); got != "1" || m.count.Load() != 1 {
			t.Errorf("within its time: token %s after %d fetches", got, m.count.Load())
		}
		time.Sleep(2 * time.Minute)
		if got := ask(); got != "1" || m.count.Load() != 2 { // at once, and the source is asked behind it
			t.Errorf("past its time: token %s after %d fetches", got, m.count.Load())
		}
		if got := ask(); got != "2" || m.count.Load() != 2 || m.fresh.Load() != 0 {
			t.Errorf("afterwards: token %s after %d fetches, of which %d past the source's memory", got, m.count.Load(), m.fresh.Load())
		}
		m.failed = errors.New("down")
		time.Sleep(12 * time.Hour)
		if got := ask(); got != "2" {
			t.Errorf("while the source is down: token %s", got)
		}
	})
}

// Who says that his token was refused is given another one, past the source's memory too; who says so again and again doesn't take
// the source from the others, whether it answers or not.
func TestFreshTokens(t *testing.T) {
	bubble(t, func(t *testing.T, c *tokencache.Cache) {
		m := &minter{life: time.Hour}
		want := func(token string, fresh int32) {
			t.Helper()
			got, err := c.Get(t.Context(), tokencache.Request{Key: key, Fresh: true, Fetch: m.fetch})
			synctest.Wait()
			if err != nil || got.Access.Reveal() != token || m.fresh.Load() != fresh {
				t.Errorf("token %s, %v, after %d fetches past the source's memory; want %s after %d", got.Access.Reveal(), err, m.fresh.Load(), token, fresh)
			}
		}
		m.want(t, c, "1", 1)
		want("2", 1)
		for range 100 {
			want("2", 1)
		}
		m.want(t, c, "2", 2)
		time.Sleep(5 * time.Second)
		want("3", 2)
		time.Sleep(5 * time.Second)
		m.failed = errors.New("down")
		for range 100 {
			want("3", 3)
		}
		m.failed = nil
		time.Sleep(5 * time.Second)
		want("5", 4)

		// one that is under way may bring what the source remembers: it isn't what was asked for
		c.Drop("i")
		m.slow = 2 * time.Second
		go func() { _, _ = c.Get(t.Context(), tokencache.Request{Key: key, Fetch: m.fetch}) }()
		synctest.Wait()
		want("7", 5)
	})
}

package tokencache_test

import (
	"context"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/lanyard-project/lanyard/internal/node/tokencache"
	"github.com/lanyard-project/lanyard/internal/secret"
)

// The node's clock jumps forward past a token's end: the token is dead, whatever the cache thought of it. (Back, it only seems younger:
// the time of its refresh is kept with the monotonic clock's reading, which doesn't jump.)
func TestClockJumps(t *testing.T) {
	began := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	clk := clocktesting.NewFakeClock(began)
	cache := tokencache.New(t.Context(), clk, tokencache.Options{})
	fetched := 0
	fetch := func(context.Context) (tokencache.Token, error) {
		fetched++
		return tokencache.Token{Access: secret.New("t"), ExpiresOn: clk.Now().Add(time.Hour)}, nil
	}
	want := func(what string, fetches int) {
		t.Helper()
		token, err := cache.Get(t.Context(), key, false, fetch)
		if err != nil || fetched != fetches || !token.ExpiresOn.After(clk.Now()) {
			t.Errorf("%s: a token until %s at %s after %d fetches, %v; want %d", what, token.ExpiresOn, clk.Now(), fetched, err, fetches)
		}
	}
	want("at first", 1)
	want("at once", 1)
	clk.SetTime(began.Add(2 * time.Hour))
	want("two hours forward", 2)
	clk.SetTime(began.Add(40 * 24 * time.Hour))
	want("forty days forward", 3)
	clk.SetTime(began.Add(40*24*time.Hour + time.Hour + time.Second))
	want("after its end", 4)
}

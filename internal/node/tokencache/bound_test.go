package tokencache_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/node/tokencache"
)

// A pod that asks for a hundred tokens at once has them fetched a few at a time; another's is fetched meanwhile.
func TestOnePodDoesNotQueueItsTokensBeforeAnothers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := tokencache.New(t.Context(), clock.RealClock{}, tokencache.Options{PerOwner: 3})
		var flying, most, served atomic.Int32
		fetch := func(context.Context, bool) (tokencache.Token, error) {
			if now := flying.Add(1); now > most.Load() {
				most.Store(now)
			}
			defer flying.Add(-1)
			time.Sleep(time.Second)
			return tokencache.Token{ExpiresOn: time.Now().Add(time.Hour)}, nil
		}
		ask := func(owner, resource string) error {
			_, err := c.Get(t.Context(), tokencache.Request{Key: tokencache.Key{Identity: "i", Resource: resource}, Owner: owner, Fetch: fetch})
			return err
		}
		for i := range 100 {
			go func() {
				if err := ask("greedy", fmt.Sprint(i/2)); err != nil { // each resource is asked for twice
					t.Error(err)
				}
				served.Add(1)
			}()
		}
		synctest.Wait()
		began := time.Now()
		if err := ask("other", "mine"); err != nil || time.Since(began) != time.Second {
			t.Errorf("another pod waited %s for its token, %v", time.Since(began), err)
		}
		if got := most.Load(); got != 4 {
			t.Errorf("%d fetches were under way, want 3 and 1", got)
		}
		time.Sleep(time.Minute)
		if got := served.Load(); got != 100 {
			t.Errorf("%d of 100 requests were answered", got)
		}
	})
}

// Who doesn't wait any more leaves nothing behind, and who is dropped serves nobody.
func TestWaitingForATurnEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := tokencache.New(t.Context(), clock.RealClock{}, tokencache.Options{PerOwner: 1})
		fetch := func(context.Context, bool) (tokencache.Token, error) {
			time.Sleep(10 * time.Second)
			return tokencache.Token{ExpiresOn: time.Now().Add(time.Hour)}, nil
		}
		go func() { _, _ = c.Get(t.Context(), tokencache.Request{Key: key, Owner: "pod", Fetch: fetch}) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Get(ctx, tokencache.Request{Key: tokencache.Key{Identity: "i", Resource: "another"}, Owner: "pod", Fetch: fetch}); err == nil {
			t.Error("got a token in nobody's turn")
		}
		c.Drop("i")
		time.Sleep(20 * time.Second)
		if c.Len() != 0 {
			t.Errorf("%d tokens are kept of an identity that was dropped", c.Len())
		}
	})
}

// Callers name resources: the tokens of one identity don't push out those of another.
func TestOneIdentityDoesNotFillTheCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := tokencache.New(t.Context(), clock.RealClock{}, tokencache.Options{PerIdentity: 10, Size: 15})
		fetches := 0
		ask := func(identity, resource string) {
			fetch := func(context.Context, bool) (tokencache.Token, error) {
				fetches++
				return tokencache.Token{ExpiresOn: time.Now().Add(time.Hour)}, nil
			}
			if _, err := c.Get(t.Context(), tokencache.Request{Key: tokencache.Key{Identity: identity, Resource: resource}, Fetch: fetch}); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Millisecond)
		}
		ask("mine", "vault")
		for i := range 1000 {
			ask("greedy", fmt.Sprint(i))
		}
		if c.Len() != 11 {
			t.Errorf("%d tokens, want 10 and 1", c.Len())
		}
		for i := range 10 { // past the size of all: who has most gives way
			ask("another", fmt.Sprint(i))
		}
		if c.Len() != 15 {
			t.Errorf("%d tokens, want 15", c.Len())
		}
		before := fetches
		if ask("mine", "vault"); fetches != before {
			t.Error("a pod's only token was pushed out")
		}
	})
}

// Names that lead nowhere, which pods that may have the node's identities can make up, aren't kept.
func TestNamesThatLeadNowhereAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := tokencache.New(t.Context(), clock.RealClock{}, tokencache.Options{})
		for i := range 20_000 {
			_, err := c.Get(t.Context(), tokencache.Request{
				Key: tokencache.Key{Identity: fmt.Sprint("node ", i)}, Fetch: func(context.Context, bool) (tokencache.Token, error) { return tokencache.Token{}, context.Canceled },
			})
			if err == nil {
				t.Fatal("got a token from nowhere")
			}
			time.Sleep(time.Millisecond)
		}
		if got := tokencache.Shelves(c); got > 2048 {
			t.Errorf("%d names are kept", got)
		}
	})
}

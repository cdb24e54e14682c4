package tokencache

import (
	"context"
	"fmt"
	"sync"
	"time"

	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/secret"
)

// Key names a token.
type Key struct {
	Identity string // a canonical name of the identity
	Resource string // as the client spelled it: the answer repeats it
	Tenant   string // empty for the identity's own
	Account  string // the pods' service account, where the identity trusts that one alone
}

// Token is what a source gives.
type Token struct {
	Access       secret.String
	Type         string
	ClientID     string // of the identity that the token is for
	ObjectID     string // of its service principal
	NotBefore    time.Time
	ExpiresOn    time.Time
	ExtExpiresIn time.Duration
}

// Fetch gets a token from its source. The context is the cache's own. fresh asks the source for another token than it may remember.
type Fetch func(ctx context.Context, fresh bool) (Token, error)

// Request is what is asked of a cache.
type Request struct {
	Key Key
	// Owner is on whose account a flight goes, if it takes one.
	Owner string
	// Fresh asks the source first, past its own memory, and falls back on ours: somebody refused the token.
	Fresh bool
	// Keep is for how long a token is given out before its source is asked whether it still gives that one: behind the answer, so that
	// nobody waits for it. Zero is until around the middle of its life.
	Keep  time.Duration
	Fetch Fetch
}

// Options tune a cache. Zero values take what is stated.
type Options struct {
	// Margin is how long before its expiry a token is no longer given out: 10 seconds, so that a client can still use it.
	Margin time.Duration
	// Retry is the pause after a failed refresh: 5 seconds.
	Retry time.Duration
	// Moment is for how long a failure is repeated to those who ask next, instead of asking a source that has just refused:
	// 500 milliseconds.
	Moment time.Duration
	// Again is for how long those who want a fresh token are given the one that somebody has just wanted fresh: 5 seconds. A pod that
	// always wants one would take the source from the others.
	Again time.Duration
	// Timeout bounds one fetch: 30 seconds.
	Timeout time.Duration
	// PerOwner bounds the flights of one owner that are under way: 3. The node's metadata service answers five requests at a time.
	PerOwner int
	// PerIdentity bounds the tokens of one identity, 256, and Size those of all, 10,000. Resources are named by callers.
	PerIdentity, Size int
	// Observe, if set, is told what became of each Get: "hit", "stale", "miss" or "error".
	Observe func(result string)
}

func (o Options) fill() Options {
	orElse(&o.Margin, 10*time.Second)
	orElse(&o.Retry, 5*time.Second)
	orElse(&o.Moment, 500*time.Millisecond)
	orElse(&o.Again, 5*time.Second)
	orElse(&o.Timeout, 30*time.Second)
	orElse(&o.PerOwner, 3)
	orElse(&o.PerIdentity, 256)
	orElse(&o.Size, 10_000)
	if o.Observe == nil {
		o.Observe = func(string) {}
	}
	return o
}

func orElse[T comparable](value *T, usual T) {
	if *value == *new(T) {
		*value = usual
	}
}

// Cache is safe for concurrent use.
type Cache struct {
	ctx     context.Context //nolint:containedctx // owns the flights
	clock   clock.PassiveClock
	options Options

	mu      sync.RWMutex
	shelves map[string]*shelf // by identity
	tokens  int               // on all of them
	sweepAt int               // so many shelves are worth a look for empty ones
	owners  map[string]*owner
}

// New makes a cache whose flights end with the context.
func New(ctx context.Context, clk clock.PassiveClock, options Options) *Cache {
	return &Cache{
		ctx: ctx, clock: clk, options: options.fill(),
		shelves: map[string]*shelf{}, sweepAt: fewShelves, owners: map[string]*owner{},
	}
}

// Get gives a valid token, from memory if there is one.
func (c *Cache) Get(ctx context.Context, r Request) (Token, error) {
	token, result, err := c.get(ctx, r)
	c.options.Observe(result)
	return token, err
}

func (c *Cache) get(ctx context.Context, r Request) (Token, string, error) {
	for {
		now := c.clock.Now()
		found := c.look(r.Key, now)
		switch {
		case found.ok && (!r.Fresh || found.fresh):
			if !found.due {
				return found.token, "hit", nil
			}
			_, _ = c.board(r) // nobody waits for it; if the owner has too many under way, one who asks later sees to it
			return found.token, "stale", nil
		case !found.ok && found.failed != nil:
			return Token{}, "error", found.failed
		}
		f, turn := c.board(r)
		if f == nil {
			select {
			case <-turn: // what was wanted may be there by now
				continue
			case <-ctx.Done():
				return Token{}, "error", fmt.Errorf("waiting for other tokens of the pod: %w", ctx.Err())
			}
		}
		select {
		case <-f.landed:
		case <-ctx.Done():
			return Token{}, "error", fmt.Errorf("waiting for a token: %w", ctx.Err())
		}
		if r.Fresh && !f.fresh && f.err == nil {
			continue // it may have brought what the source remembers
		}
		switch {
		case f.err == nil:
			return f.token, "miss", nil
		case found.ok:
			return found.token, "error", nil
		default:
			return Token{}, "error", f.err
		}
	}
}

// found is what memory has for a key.
type found struct {
	ok     bool // the token is good
	token  Token
	due    bool  // it is time for another
	fresh  bool  // the source has just been asked past its memory
	failed error // what the source has just answered
}

func (c *Cache) look(key Key, now time.Time) found {
	c.mu.RLock()
	defer c.mu.RUnlock()
	s, ok := c.shelves[key.Identity]
	if !ok {
		return found{}
	}
	var f found
	if known, ok := s.entries[key]; ok {
		f.ok, f.token = known.token.ExpiresOn.Sub(now) >= c.options.Margin, known.token
		f.fresh = !known.freshAt.IsZero() && now.Sub(known.freshAt).Abs() < c.options.Again
		// a clock that was set back must not keep a token from being refreshed
		f.due = !now.Before(known.refreshAt) || now.Before(known.fetchedAt)
	}
	if failure, ok := s.failures[key]; ok && failure.recent(now, c.options.Moment) {
		f.failed = failure.err
	}
	return f
}

// Drop forgets an identity's tokens at once. A fetch that is under way stores nothing and serves nobody who asks later.
func (c *Cache) Drop(identity string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s, ok := c.shelves[identity]; ok {
		c.tokens -= len(s.entries)
		delete(c.shelves, identity)
	}
}

// Len gives the number of tokens.
func (c *Cache) Len() int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.tokens
}

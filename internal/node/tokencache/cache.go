package tokencache

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
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

// Fetch gets a token from its source. The context is the cache's own.
type Fetch func(context.Context) (Token, error)

// Options tune a cache. Zero values take what is stated.
type Options struct {
	// Margin is how long before its expiry a token is no longer given out: 10 seconds, so that a client can still use it.
	Margin time.Duration
	// Retry is the pause after a failed refresh: 5 seconds.
	Retry time.Duration
	// Moment is for how long a failure is repeated to those who ask next, instead of asking a source that has just refused:
	// 500 milliseconds.
	Moment time.Duration
	// Timeout bounds one fetch: 30 seconds.
	Timeout time.Duration
	// Size bounds the number of tokens: 10,000. Resources are named by callers.
	Size int
	// Observe, if set, is told what became of each Get: "hit", "stale", "miss" or "error".
	Observe func(result string)
}

func (o Options) fill() Options {
	if o.Margin == 0 {
		o.Margin = 10 * time.Second
	}
	if o.Retry == 0 {
		o.Retry = 5 * time.Second
	}
	if o.Moment == 0 {
		o.Moment = 500 * time.Millisecond
	}
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Size == 0 {
		o.Size = 10_000
	}
	if o.Observe == nil {
		o.Observe = func(string) {}
	}
	return o
}

const maxFailures = 1000

// Cache is safe for concurrent use.
type Cache struct {
	ctx     context.Context //nolint:containedctx // owns the flights
	clock   clock.PassiveClock
	options Options
	flights singleflight.Group

	mu         sync.RWMutex
	entries    map[Key]*entry
	generation map[string]uint64 // by identity, counts drops
	failures   map[Key]failure
}

// failure is what a source has just answered.
type failure struct {
	err error
	at  time.Time
}

type entry struct {
	token     Token
	fetchedAt time.Time
	refreshAt time.Time
}

// New makes a cache whose flights end with the context.
func New(ctx context.Context, clk clock.PassiveClock, options Options) *Cache {
	return &Cache{
		ctx: ctx, clock: clk, options: options.fill(),
		entries: map[Key]*entry{}, generation: map[string]uint64{}, failures: map[Key]failure{},
	}
}

// Get gives a valid token, from memory if there is one. fresh asks the source first, and falls back on memory.
func (c *Cache) Get(ctx context.Context, key Key, fresh bool, fetch Fetch) (Token, error) {
	now := c.clock.Now()
	c.mu.RLock()
	known, ok := c.entries[key]
	var token Token
	var due bool
	if ok {
		// a clock that was set back must not keep a token from being refreshed
		token, due = known.token, !now.Before(known.refreshAt) || now.Before(known.fetchedAt)
	}
	failed, failing := c.failures[key]
	generation := c.generation[key.Identity]
	c.mu.RUnlock()

	if ok && token.ExpiresOn.Sub(now) < c.options.Margin {
		ok = false
	}
	if ok && !fresh {
		if due {
			c.fly(key, generation, fetch) // nobody waits for it
			c.options.Observe("stale")
		} else {
			c.options.Observe("hit")
		}
		return token, nil
	}
	if age := now.Sub(failed.at); failing && age >= 0 && age < c.options.Moment && !ok {
		c.options.Observe("error")
		return Token{}, failed.err
	}
	select {
	case result := <-c.fly(key, generation, fetch):
		if result.Err == nil {
			c.options.Observe("miss")
			return result.Val.(Token), nil //nolint:forcetypeassert // fly returns nothing else
		}
		c.options.Observe("error")
		if ok {
			return token, nil
		}
		return Token{}, result.Err
	case <-ctx.Done():
		return Token{}, fmt.Errorf("waiting for a token: %w", ctx.Err())
	}
}

// Drop forgets an identity's tokens at once. A fetch that is under way stores nothing and serves nobody who asks later.
func (c *Cache) Drop(identity string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation[identity]++
	for key := range c.failures {
		if key.Identity == identity {
			delete(c.failures, key)
		}
	}
	for key := range c.entries {
		if key.Identity == identity {
			delete(c.entries, key)
		}
	}
}

// Len gives the number of tokens.
func (c *Cache) Len() int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return len(c.entries)
}

func (c *Cache) fly(key Key, generation uint64, fetch Fetch) <-chan singleflight.Result {
	flight := key.Identity + "\x00" + key.Resource + "\x00" + key.Tenant + "\x00" + key.Account + "\x00" + strconv.FormatUint(generation, 10)
	return c.flights.DoChan(flight, func() (any, error) {
		ctx, cancel := context.WithTimeout(c.ctx, c.options.Timeout)
		defer cancel()
		token, err := fetch(ctx)
		if err != nil {
			c.postpone(key, generation, err)
			return nil, err
		}
		if token.ExpiresOn.Sub(c.clock.Now()) < c.options.Margin {
			return nil, errors.New("the source gave a token that has expired")
		}
		c.store(key, generation, token)
		return token, nil
	})
}

func (c *Cache) store(key Key, generation uint64, token Token) {
	now := c.clock.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.generation[key.Identity] != generation {
		return
	}
	if _, known := c.entries[key]; !known && len(c.entries) >= c.options.Size {
		c.evict(now)
	}
	delete(c.failures, key)
	c.entries[key] = &entry{token: token, fetchedAt: now, refreshAt: refreshAt(now, token.ExpiresOn)}
}

// refreshAt is around the middle of what is left, so that tokens that were fetched together aren't refreshed together.
func refreshAt(now, expiry time.Time) time.Time {
	left := expiry.Sub(now)
	return now.Add(left*2/5 + rand.N(left/5+1)) //nolint:gosec // jitter
}

// postpone keeps callers from asking a failing source again and again while the old token still serves.
func (c *Cache) postpone(key Key, generation uint64, err error) {
	now := c.clock.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.generation[key.Identity] == generation {
		if len(c.failures) >= maxFailures {
			clear(c.failures)
		}
		c.failures[key] = failure{err: err, at: now}
	}
	if known, ok := c.entries[key]; ok {
		c.entries[key] = &entry{token: known.token, fetchedAt: now, refreshAt: now.Add(c.options.Retry + rand.N(c.options.Retry))} //nolint:gosec // jitter
	}
}

// evict makes room: everything that has expired, else the entry that expires first.
func (c *Cache) evict(now time.Time) {
	var first Key
	var earliest time.Time
	for key, known := range c.entries {
		expiry := known.token.ExpiresOn
		if !expiry.After(now) {
			delete(c.entries, key)
			continue
		}
		if earliest.IsZero() || expiry.Before(earliest) {
			first, earliest = key, expiry
		}
	}
	if len(c.entries) >= c.options.Size {
		delete(c.entries, first)
	}
}

package tokencache

import (
	"math/rand/v2"
	"time"
)

// shelf is what is known of one identity. A flight whose identity was dropped finds another shelf in its place, or none.
type shelf struct {
	entries  map[Key]entry
	failures map[Key]failure
	flights  map[Key]*flight
}

type entry struct {
	token     Token
	fetchedAt time.Time
	refreshAt time.Time
	freshAt   time.Time // when the source was last asked past its memory
}

// failure is what a source has just answered.
type failure struct {
	err error
	at  time.Time
}

func (f failure) recent(now time.Time, moment time.Duration) bool {
	age := now.Sub(f.at)
	return age >= 0 && age < moment
}

const (
	fewShelves  = 1024
	maxFailures = 64 // of one identity
)

// newShelf makes one; the lock is held. Now and then those are put away that hold nothing: a name that leads to no token, as
// pods that may have the node's identities can make up, leaves an empty one.
func (c *Cache) newShelf(identity string) *shelf {
	if len(c.shelves) >= c.sweepAt {
		now := c.clock.Now()
		for other, s := range c.shelves {
			if s.forgetFailures(now, c.options.Moment); len(s.entries)+len(s.flights)+len(s.failures) == 0 {
				delete(c.shelves, other)
			}
		}
		c.sweepAt = max(fewShelves, 2*len(c.shelves))
	}
	s := &shelf{entries: map[Key]entry{}, failures: map[Key]failure{}, flights: map[Key]*flight{}}
	c.shelves[identity] = s
	return s
}

// store keeps the token that was asked for; the lock is held.
func (c *Cache) store(s *shelf, r Request, token Token, now time.Time) {
	delete(s.failures, r.Key)
	old, known := s.entries[r.Key]
	freshAt := old.freshAt
	if r.Fresh {
		freshAt = now
	}
	if !known {
		if len(s.entries) >= c.options.PerIdentity {
			c.tokens -= s.evict(now)
		}
		if c.tokens >= c.options.Size { // who has most gives way
			largest := s
			for _, other := range c.shelves {
				if len(other.entries) > len(largest.entries) {
					largest = other
				}
			}
			c.tokens -= largest.evict(now)
		}
		c.tokens++
	}
	s.entries[r.Key] = entry{token: token, fetchedAt: now, refreshAt: refreshAt(now, token.ExpiresOn, r.Keep), freshAt: freshAt}
}

// evict makes room: everything that has expired, else the entry that expires first. It gives how many are gone.
func (s *shelf) evict(now time.Time) int {
	before := len(s.entries)
	var first Key
	var earliest time.Time
	for key, known := range s.entries {
		expiry := known.token.ExpiresOn
		if !expiry.After(now) {
			delete(s.entries, key)
			continue
		}
		if earliest.IsZero() || expiry.Before(earliest) {
			first, earliest = key, expiry
		}
	}
	if len(s.entries) == before {
		delete(s.entries, first)
	}
	return before - len(s.entries)
}

// postpone keeps callers from asking a failing source again and again while the old token still serves.
func (s *shelf) postpone(r Request, now time.Time, err error, o Options) {
	if s.forgetFailures(now, o.Moment); len(s.failures) >= maxFailures {
		clear(s.failures)
	}
	s.failures[r.Key] = failure{err: err, at: now}
	if known, ok := s.entries[r.Key]; ok {
		if r.Fresh {
			known.freshAt = now
		}
		known.fetchedAt, known.refreshAt = now, now.Add(o.Retry+rand.N(o.Retry)) //nolint:gosec // jitter
		s.entries[r.Key] = known
	}
}

func (s *shelf) forgetFailures(now time.Time, moment time.Duration) {
	for key, failure := range s.failures {
		if !failure.recent(now, moment) {
			delete(s.failures, key)
		}
	}
}

// refreshAt is around the middle of what is left, or when the token has been kept for long enough, so that tokens that were fetched
// together aren't refreshed together.
func refreshAt(now, expiry time.Time, keep time.Duration) time.Time {
	left := expiry.Sub(now)
	if keep > 0 {
		left = min(left, 2*keep)
	}
	return now.Add(left*2/5 + rand.N(left/5+1)) //nolint:gosec // jitter
}

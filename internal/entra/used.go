package entra

import (
	"sync"
	"time"
)

// sweepAt is from how many remembered assertions on the expired ones are looked for.
const sweepAt = 4096

// used remembers assertions until they expire, so that each is good once. Only
// assertions whose signature was good get here: a stranger can't fill it. It is
// this process's memory; among replicas an assertion is good once each.
type used struct {
	mu      sync.Mutex
	until   map[string]time.Time
	sweepAt int
}

func newUsed() *used { return &used{until: map[string]time.Time{}, sweepAt: sweepAt} }

// first reports whether the assertion wasn't used before, and remembers it.
func (u *used) first(id string, now, until time.Time) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if before, ok := u.until[id]; ok && now.Before(before) {
		return false
	}
	if len(u.until) >= u.sweepAt {
		for other, end := range u.until {
			if !now.Before(end) {
				delete(u.until, other)
			}
		}
		// Looking through all of them is paid by as many uses in between.
		u.sweepAt = max(sweepAt, 2*len(u.until))
	}
	u.until[id] = until
	return true
}

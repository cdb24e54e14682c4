package pipeline

import (
	"strconv"
	"sync"
	"time"

	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
)

// Limits are the calls that one caller may make in a subscription in an hour.
type Limits struct{ Reads, Writes, Deletes int }

// AzureLimits are those that Azure documents.
func AzureLimits() Limits { return Limits{Reads: 12000, Writes: 1200, Deletes: 15000} }

// allowances counts calls per caller, subscription, kind and hour.
type allowances struct {
	limits Limits
	refuse bool // otherwise the headers tell, and nothing is refused

	mu   sync.Mutex
	hour time.Time
	used map[allowance]int
}

// allowance is what is counted together. Callers are proven and subscriptions
// exist before anything is counted, so that strangers can't use up what is
// another's, nor fill the table.
type allowance struct{ caller, subscription, kind string }

func newAllowances(limits *Limits) *allowances {
	a := &allowances{limits: AzureLimits(), refuse: limits != nil, used: map[allowance]int{}}
	if limits != nil {
		a.limits = *limits
	}
	return a
}

// spend counts a call. The header tells what is left.
func (a *allowances) spend(c *call) error {
	kind, limit := "reads", a.limits.Reads
	switch c.match.Method {
	case providers.Put, providers.Patch:
		kind, limit = "writes", a.limits.Writes
	case providers.Do:
		if c.Method != "GET" {
			kind, limit = "writes", a.limits.Writes
		}
	case providers.Delete:
		kind, limit = "deletes", a.limits.Deletes
	}
	scope, subscription := "tenant", c.match.At().Subscription()
	if subscription != "" {
		scope = "subscription"
	}
	now := c.start
	hour := now.Truncate(time.Hour)
	a.mu.Lock()
	if !hour.Equal(a.hour) {
		a.hour = hour
		clear(a.used)
	}
	key := allowance{c.caller.ObjectID, subscription, kind}
	a.used[key]++
	left := limit - a.used[key]
	a.mu.Unlock()
	c.left = [2]string{"X-Ms-Ratelimit-Remaining-" + title(scope) + "-" + title(kind), strconv.Itoa(max(0, left))}
	if left >= 0 || !a.refuse {
		return nil
	}
	wait := hour.Add(time.Hour).Sub(now)
	return rest.TooManyRequests(subscription, c.match.Permission(), wait)
}

func title(word string) string { return string(word[0]-'a'+'A') + word[1:] }

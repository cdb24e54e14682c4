package pipeline

import (
	"strconv"
	"strings"
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
type allowance struct {
	caller, subscription string
	kind                 kind
}

// kind is what calls are counted as.
type kind int

const (
	reads kind = iota
	writes
	deletes
)

// header tells what is left, in net/http's spelling.
func (k kind) header(inSubscription bool) string {
	switch {
	case k == writes && inSubscription:
		return "X-Ms-Ratelimit-Remaining-Subscription-Writes"
	case k == writes:
		return "X-Ms-Ratelimit-Remaining-Tenant-Writes"
	case k == deletes && inSubscription:
		return "X-Ms-Ratelimit-Remaining-Subscription-Deletes"
	case k == deletes:
		return "X-Ms-Ratelimit-Remaining-Tenant-Deletes"
	case inSubscription:
		return "X-Ms-Ratelimit-Remaining-Subscription-Reads"
	}
	return "X-Ms-Ratelimit-Remaining-Tenant-Reads"
}

func newAllowances(limits *Limits) *allowances {
	a := &allowances{limits: AzureLimits(), refuse: limits != nil, used: map[allowance]int{}}
	if limits != nil {
		a.limits = *limits
	}
	return a
}

// spend counts a call. The header tells what is left.
func (a *allowances) spend(c *call) error {
	as, limit := reads, a.limits.Reads
	switch c.match.Method {
	case providers.Put, providers.Patch:
		as, limit = writes, a.limits.Writes
	case providers.Do:
		if c.Method != "GET" {
			as, limit = writes, a.limits.Writes
		}
	case providers.Delete:
		as, limit = deletes, a.limits.Deletes
	}
	subscription := strings.ToLower(c.match.At().Subscription())
	now := c.start
	hour := now.Truncate(time.Hour)
	a.mu.Lock()
	if !hour.Equal(a.hour) {
		a.hour = hour
		clear(a.used)
	}
	key := allowance{c.caller.ObjectID, subscription, as}
	a.used[key]++
	left := limit - a.used[key]
	a.mu.Unlock()
	c.left = [2]string{as.header(subscription != ""), strconv.Itoa(max(0, left))}
	if left >= 0 || !a.refuse {
		return nil
	}
	wait := hour.Add(time.Hour).Sub(now)
	return rest.TooManyRequests(subscription, c.match.Permission(), wait)
}

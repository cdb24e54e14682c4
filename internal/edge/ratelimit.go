package edge

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"k8s.io/utils/clock"
)

// Azure's allowances per subscription and hour.
const (
	hourlyReads   = 12000
	hourlyWrites  = 1200
	hourlyDeletes = 15000
)

// allowances counts calls per subscription and hour. It only tells, as the
// headers do: a cloud of one's own has no neighbours to protect.
type allowances struct {
	clock clock.PassiveClock

	mu   sync.Mutex
	hour time.Time
	used map[string]int
}

// maxCounted bounds the counters: names come from paths that nobody has checked.
const maxCounted = 10000

// rateLimits sets the x-ms-ratelimit-remaining headers of ARM's answers.
func rateLimits(clk clock.PassiveClock, next http.Handler) http.Handler {
	a := &allowances{clock: clk, used: map[string]int{}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kind, allowance := "reads", hourlyReads
		switch r.Method {
		case http.MethodPut, http.MethodPatch, http.MethodPost:
			kind, allowance = "writes", hourlyWrites
		case http.MethodDelete:
			kind, allowance = "deletes", hourlyDeletes
		}
		scope := "tenant"
		subscription := ""
		if parts := strings.SplitN(strings.Trim(r.URL.Path, "/"), "/", 3); len(parts) > 1 && strings.EqualFold(parts[0], "subscriptions") {
			scope, subscription = "subscription", strings.ToLower(parts[1])
		}
		left := max(0, allowance-a.count(subscription+" "+kind))
		w.Header().Set("x-ms-ratelimit-remaining-"+scope+"-"+kind, strconv.Itoa(left))
		next.ServeHTTP(w, r)
	})
}

func (a *allowances) count(key string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	if hour := a.clock.Now().Truncate(time.Hour); !hour.Equal(a.hour) || len(a.used) > maxCounted {
		a.hour = hour
		clear(a.used)
	}
	a.used[key]++
	return a.used[key]
}

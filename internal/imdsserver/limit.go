package imdsserver

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/utils/clock"
)

// Limits bound what one virtual machine may ask of the identity category. Azure documents 20 requests a second and 5 at
// a time per machine.
type Limits struct {
	PerSecond float64 // 0 means 20
	// Burst is how many requests may come at once after a quiet time. 0 means 40: a node agent that starts asks for the
	// tokens of all its pods, and slowing exactly that down would only delay pods.
	Burst int
	// Concurrent is how many requests are worked on at a time. 0 means 5.
	Concurrent int
	// Wait is how long a request that is within the rate waits for one of those places before it gets 429. Tokens take
	// milliseconds, so that an honest burst passes without retries. 0 means one second.
	Wait time.Duration
}

func (l Limits) withDefaults() Limits {
	if l.PerSecond == 0 {
		l.PerSecond = 20
	}
	if l.Burst == 0 {
		l.Burst = 40
	}
	if l.Concurrent == 0 {
		l.Concurrent = 5
	}
	if l.Wait == 0 {
		l.Wait = time.Second
	}
	return l
}

// limiter holds one gate per machine. Gates of machines that have been quiet for a while are dropped, so that what it
// holds is bounded by the machines that are talking.
type limiter struct {
	limits Limits
	clock  clock.Clock

	mu    sync.Mutex
	gates map[string]*gate
	swept time.Time
}

type gate struct {
	rate   *rate.Limiter
	places chan struct{}
	used   time.Time
}

// quiet is how long a machine's gate is kept unused. By then its bucket is full again, so forgetting it changes nothing.
const quiet = 10 * time.Minute

func newLimiter(limits Limits, c clock.Clock) *limiter {
	return &limiter{limits: limits.withDefaults(), clock: c, gates: map[string]*gate{}, swept: c.Now()}
}

// enter admits a request of machine, or says false: too many. What it returns has to be called when the request is done.
func (l *limiter) enter(ctx context.Context, machine string) (leave func(), ok bool) {
	now := l.clock.Now()
	g := l.gate(machine, now)
	if !g.rate.AllowN(now, 1) {
		return nil, false
	}
	select {
	case g.places <- struct{}{}:
		return func() { <-g.places }, true
	default:
	}
	timer := l.clock.NewTimer(l.limits.Wait)
	defer timer.Stop()
	select {
	case g.places <- struct{}{}:
		return func() { <-g.places }, true
	case <-timer.C():
		return nil, false
	case <-ctx.Done():
		return nil, false
	}
}

func (l *limiter) gate(machine string, now time.Time) *gate {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.swept) > quiet {
		l.swept = now
		for name, g := range l.gates {
			if now.Sub(g.used) > quiet && len(g.places) == 0 {
				delete(l.gates, name)
			}
		}
	}
	g, ok := l.gates[machine]
	if !ok {
		g = &gate{rate: rate.NewLimiter(rate.Limit(l.limits.PerSecond), l.limits.Burst), places: make(chan struct{}, l.limits.Concurrent)}
		l.gates[machine] = g
	}
	g.used = now
	return g
}

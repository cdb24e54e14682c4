package scaleset

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// class is what Azure counts calls by: it throttles reads and writes, and scale
// sets and machines, each for itself within a subscription.
type class struct {
	subscription    string
	machine, writes bool
}

// pace holds back the calls of a class for as long as Azure has asked for it:
// each further one would be refused too, and prolong it. Who is held back waits
// with a random addition of his own (backoff.after), so that not all come back
// at once.
type pace struct {
	mu     sync.Mutex
	closed map[class]time.Time
}

// heldBack is the code of a call that wasn't made.
const heldBack = "HeldBack"

// hold returns a fault while calls of a class have to wait.
func (p *pace) hold(c class, now time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	until, ok := p.closed[c]
	if !ok {
		return nil
	}
	if !until.After(now) {
		delete(p.closed, c)
		return nil
	}
	what := "reads"
	if c.writes {
		what = "writes"
	}
	return &Fault{Code: heldBack, RetryAfter: until.Sub(now), Message: fmt.Sprintf("Azure throttles %s in subscription %s", what, c.subscription)}
}

// learn closes a class when Azure has throttled one of its calls. A throttled
// subscription as a whole closes the scale sets' and the machines'.
func (p *pace) learn(c class, f *Fault, now time.Time) {
	if f.status != http.StatusTooManyRequests || f.RetryAfter <= 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed == nil {
		p.closed = map[class]time.Time{}
	}
	closed := []class{c}
	if strings.EqualFold(f.Code, "SubscriptionRequestsThrottled") {
		other := c
		other.machine = !c.machine
		closed = append(closed, other)
	}
	for _, c := range closed {
		if until := now.Add(f.RetryAfter); until.After(p.closed[c]) {
			p.closed[c] = until
		}
	}
}

package nameserver

import (
	"net"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// What one address may ask in a second, and at once. A node's own resolver asks for
	// all of its pods.
	questionsPerSecond = 1000
	questionsAtOnce    = 2000
	// mostAskers are the addresses that are told apart at a time; more share one limit.
	mostAskers = 4096

	// ConnectionsPerAddress and Connections are what the listener that Serve gets should let in.
	ConnectionsPerAddress = 32
	Connections           = 512
)

// limit bounds what each asker can make the server do.
type limit struct {
	now func() time.Time

	mu     sync.Mutex
	askers map[string]*rate.Limiter
	others *rate.Limiter
	swept  time.Time // when it was last looked for askers to forget
}

func newLimit(now func() time.Time) *limit {
	return &limit{now: now, askers: map[string]*rate.Limiter{}, others: rate.NewLimiter(questionsPerSecond, questionsAtOnce)}
}

// allow reports whether a question from the address is answered.
func (l *limit) allow(from net.Addr) bool {
	address, _, err := net.SplitHostPort(from.String())
	if err != nil {
		address = from.String()
	}
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	asker := l.askers[address]
	if asker == nil {
		if len(l.askers) >= mostAskers {
			l.forget(now)
		}
		if len(l.askers) >= mostAskers {
			return l.others.AllowN(now, 1)
		}
		asker = rate.NewLimiter(questionsPerSecond, questionsAtOnce)
		l.askers[address] = asker
	}
	return asker.AllowN(now, 1)
}

// forget drops those who have asked nothing for so long that they may ask as if for
// the first time. It looks through all of them, so not with every question.
func (l *limit) forget(now time.Time) {
	if now.Sub(l.swept) < time.Second {
		return
	}
	l.swept = now
	for address, asker := range l.askers {
		if asker.TokensAt(now) >= questionsAtOnce {
			delete(l.askers, address)
		}
	}
}

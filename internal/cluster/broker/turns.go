package broker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"golang.org/x/time/rate"
	"k8s.io/utils/clock"
)

// errTurn says that an address asks too often. It isn't said of the token: whoever shares the address with the one that asks so
// often can come back.
var errTurn = errors.New("too many tokens that are not known come from the caller's address")

const (
	reviewsPerSecond = 2  // of one address; an agent needs one in half a minute
	reviewsInARow    = 10 // of one address
	reviewsAtATime   = 16 // of all
	mostAddresses    = 4096
)

// turns say who may have the API server look at a token.
type turns struct {
	clock clock.PassiveClock
	slots chan struct{}

	mu        sync.Mutex
	addresses map[string]*rate.Limiter
}

func newTurns(clk clock.PassiveClock) *turns {
	return &turns{clock: clk, slots: make(chan struct{}, reviewsAtATime), addresses: map[string]*rate.Limiter{}}
}

// take waits for a slot, if the address may have one; the caller calls done.
func (t *turns) take(ctx context.Context, remote string) (done func(), err error) {
	if !t.allow(remote) {
		return nil, errTurn
	}
	select {
	case t.slots <- struct{}{}:
		return func() { <-t.slots }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting to have a token reviewed: %w", ctx.Err())
	}
}

func (t *turns) allow(remote string) bool {
	address, _, err := net.SplitHostPort(remote)
	if err != nil {
		return false
	}
	now := t.clock.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	limiter, ok := t.addresses[address]
	if !ok {
		if len(t.addresses) >= mostAddresses {
			for other, l := range t.addresses {
				if l.TokensAt(now) >= reviewsInARow { // forgetting it changes nothing
					delete(t.addresses, other)
				}
			}
		}
		limiter = rate.NewLimiter(reviewsPerSecond, reviewsInARow)
		t.addresses[address] = limiter
	}
	return limiter.AllowN(now, 1)
}

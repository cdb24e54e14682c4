package broker

import (
	"context"
	"errors"
	"fmt"
	"net"

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
	slots     slots
	addresses *budget
}

func newTurns(clk clock.PassiveClock) *turns {
	return &turns{slots: make(slots, reviewsAtATime), addresses: newBudget(clk, reviewsPerSecond, reviewsInARow, mostAddresses)}
}

// take waits for a slot, if the address may have one; the caller calls done.
func (t *turns) take(ctx context.Context, remote string) (done func(), err error) {
	address, _, err := net.SplitHostPort(remote)
	if err != nil || !t.addresses.allow(address) {
		return nil, errTurn
	}
	return t.slots.take(ctx)
}

// slots are so many things at a time.
type slots chan struct{}

// take waits for a slot; the caller calls done.
func (s slots) take(ctx context.Context) (done func(), err error) {
	select {
	case s <- struct{}{}:
		return func() { <-s }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for a turn: %w", ctx.Err())
	}
}

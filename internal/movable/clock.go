package movable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/google/renameio/v2"
	"k8s.io/utils/clock"
)

// maxAhead keeps the clock where certificates and dates still make sense.
const maxAhead = 20 * 365 * 24 * time.Hour

var (
	// ErrBackwards says that the clock goes forward only: what was signed, and what
	// expired, would otherwise come from the future.
	ErrBackwards = errors.New("the clock can't be moved back")
	// ErrTooFar says that the clock would be further ahead than makes sense.
	ErrTooFar = errors.New("the clock can't be more than 20 years ahead")
)

var _ clock.WithTicker = (*Clock)(nil)

// Clock is safe for concurrent use.
type Clock struct {
	file string

	mu      sync.Mutex
	ahead   time.Duration
	waiters map[*waiter]struct{}
}

// Open makes a clock that is as far ahead as the file says; without the file it
// is not ahead.
func Open(file string) (*Clock, error) {
	c := &Clock{file: file, waiters: map[*waiter]struct{}{}}
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return nil, fmt.Errorf("opening the clock: %w", err)
	}
	if c.ahead, err = time.ParseDuration(string(text)); err != nil || c.ahead < 0 || c.ahead > maxAhead {
		return nil, fmt.Errorf("opening the clock: %s doesn't say how far it is ahead", file)
	}
	return c, nil
}

// Advance moves the clock forward.
func (c *Clock) Advance(by time.Duration) error {
	if by < 0 {
		return ErrBackwards
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if by > maxAhead-c.ahead {
		return ErrTooFar
	}
	if err := renameio.WriteFile(c.file, []byte((c.ahead + by).String()), 0o600); err != nil {
		return fmt.Errorf("moving the clock: %w", err)
	}
	c.ahead += by
	for w := range c.waiters {
		w.arm()
	}
	return nil
}

// Ahead is how far the clock is ahead of the machine's.
func (c *Clock) Ahead() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ahead
}

// Now implements clock.PassiveClock.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now()
}

func (c *Clock) now() time.Time { return time.Now().Add(c.ahead) }

// Since implements clock.PassiveClock.
func (c *Clock) Since(t time.Time) time.Duration { return c.Now().Sub(t) }

// After implements clock.Clock.
func (c *Clock) After(d time.Duration) <-chan time.Time { return c.NewTimer(d).C() }

// Tick implements clock.WithTicker. The ticker is never stopped.
func (c *Clock) Tick(d time.Duration) <-chan time.Time { return c.NewTicker(d).C() }

// Sleep implements clock.Clock.
func (c *Clock) Sleep(d time.Duration) { <-c.After(d) }

// NewTimer implements clock.Clock.
func (c *Clock) NewTimer(d time.Duration) clock.Timer { return timer{c.wait(d, 0)} }

// NewTicker implements clock.WithTicker.
func (c *Clock) NewTicker(d time.Duration) clock.Ticker { return ticker{c.wait(d, d)} }

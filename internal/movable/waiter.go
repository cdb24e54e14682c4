package movable

import "time"

// waiter is a timer or, with a period, a ticker.
type waiter struct {
	clock  *Clock
	out    chan time.Time
	due    time.Time
	period time.Duration
	timer  *time.Timer
	// generation tells a timer that fires from one that was replaced in this moment.
	generation int
}

func (c *Clock) wait(d, period time.Duration) *waiter {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := &waiter{clock: c, out: make(chan time.Time, 1), due: c.now().Add(d), period: period}
	c.waiters[w] = struct{}{}
	w.arm()
	return w
}

// arm sets the machine's timer for what is left. The clock's lock is held.
func (w *waiter) arm() {
	if w.timer != nil {
		w.timer.Stop()
	}
	w.generation++
	mine := w.generation
	w.timer = time.AfterFunc(w.due.Sub(w.clock.now()), func() { w.fire(mine) })
}

func (w *waiter) fire(generation int) {
	w.clock.mu.Lock()
	defer w.clock.mu.Unlock()
	if _, waits := w.clock.waiters[w]; !waits || generation != w.generation {
		return
	}
	now := w.clock.now()
	select {
	case w.out <- now:
	default: // who is slow misses ticks, as with the standard library's
	}
	if w.period == 0 {
		delete(w.clock.waiters, w)
		return
	}
	// After a move the ticks in between are one.
	for w.due = w.due.Add(w.period); !w.due.After(now); {
		w.due = w.due.Add(max(w.period, now.Sub(w.due).Truncate(w.period)))
	}
	w.arm()
}

func (w *waiter) stop() bool {
	w.clock.mu.Lock()
	defer w.clock.mu.Unlock()
	_, waited := w.clock.waiters[w]
	delete(w.clock.waiters, w)
	w.timer.Stop()
	return waited
}

// timer and ticker differ in what Stop returns.
type timer struct{ *waiter }

func (t timer) C() <-chan time.Time { return t.out }
func (t timer) Stop() bool          { return t.stop() }

func (t timer) Reset(d time.Duration) bool {
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	_, waited := t.clock.waiters[t.waiter]
	t.due = t.clock.now().Add(d)
	t.clock.waiters[t.waiter] = struct{}{}
	t.arm()
	return waited
}

type ticker struct{ *waiter }

func (t ticker) C() <-chan time.Time { return t.out }
func (t ticker) Stop()               { t.stop() }

package broker

import (
	"sync"

	"golang.org/x/time/rate"
	"k8s.io/utils/clock"
)

// budget is how often each of many may do something: so often each second, and so often in a row.
type budget struct {
	clock     clock.PassiveClock
	perSecond rate.Limit
	inARow    int
	most      int // so many are remembered

	mu    sync.Mutex
	spent map[string]*rate.Limiter
}

func newBudget(clk clock.PassiveClock, perSecond rate.Limit, inARow, most int) *budget {
	return &budget{clock: clk, perSecond: perSecond, inARow: inARow, most: most, spent: map[string]*rate.Limiter{}}
}

// allow spends one of somebody's.
func (b *budget) allow(who string) bool {
	now := b.clock.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	limiter, ok := b.spent[who]
	if !ok {
		if len(b.spent) >= b.most {
			for other, l := range b.spent {
				if l.TokensAt(now) >= float64(b.inARow) { // forgetting it changes nothing
					delete(b.spent, other)
				}
			}
		}
		limiter = rate.NewLimiter(b.perSecond, b.inARow)
		b.spent[who] = limiter
	}
	return limiter.AllowN(now, 1)
}

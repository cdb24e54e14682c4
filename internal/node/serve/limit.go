package serve

import (
	"sync"

	"golang.org/x/time/rate"
	"k8s.io/utils/clock"
)

// limits hold a bucket of requests for each pod, by UID, and one for all strangers (UID ""), so that no pod takes the
// agent from the others.
type limits struct {
	clock   clock.PassiveClock
	perPod  rate.Limit // 0 is no limit
	burst   int
	waiters int

	mu   sync.Mutex
	pods map[string]*bucket
}

type bucket struct {
	limiter *rate.Limiter
	waiting int
}

const maxBuckets = 1024 // more than pods fit on a node; beyond, idle buckets go

func newLimits(clk clock.PassiveClock, perSecond float64, waiters int) *limits {
	return &limits{
		clock: clk, perPod: rate.Limit(perSecond), burst: max(1, int(2*perSecond)), waiters: waiters,
		pods: map[string]*bucket{},
	}
}

// allow takes a request out of a pod's bucket.
func (l *limits) allow(uid string) bool {
	if l.perPod <= 0 {
		return true
	}
	l.mu.Lock()
	limiter := l.bucket(uid).limiter
	l.mu.Unlock()
	return limiter.AllowN(l.clock.Now(), 1)
}

// wait enters a pod's request among those that wait, if there is room; the caller calls done.
func (l *limits) wait(uid string) (done func(), ok bool) { return l.waitAmong(uid, l.waiters) }

// waitAmong enters it if fewer than so many wait.
func (l *limits) waitAmong(uid string, most int) (done func(), ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.bucket(uid)
	if b.waiting >= most {
		return nil, false
	}
	b.waiting++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		b.waiting--
	}, true
}

// bucket finds or makes a bucket; the lock is held.
func (l *limits) bucket(uid string) *bucket {
	if b, ok := l.pods[uid]; ok {
		return b
	}
	if len(l.pods) >= maxBuckets {
		now := l.clock.Now()
		for other, b := range l.pods {
			if b.waiting == 0 && b.limiter.TokensAt(now) >= float64(l.burst) { // full: forgetting it changes nothing
				delete(l.pods, other)
			}
		}
	}
	b := &bucket{limiter: rate.NewLimiter(l.perPod, l.burst)}
	l.pods[uid] = b
	return b
}

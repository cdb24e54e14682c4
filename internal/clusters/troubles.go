package clusters

import (
	"slices"
	"sync"
	"time"
)

// troubles remembers machines that ended by themselves. What ended before this
// process is not known: Adopt starts it like everything else.
type troubles struct {
	mu    sync.Mutex
	known map[string][]Trouble
}

// keptTroubles is how many are remembered of a cluster.
const keptTroubles = 20

func (t *troubles) note(cluster string, one Trouble) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.known == nil {
		t.known = map[string][]Trouble{}
	}
	one.Times, one.Restored = 1, true
	all := append(t.known[cluster], one)
	t.known[cluster] = all[max(0, len(all)-keptTroubles):]
}

func (t *troubles) since(cluster string, since time.Time) []Trouble {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(t.known[cluster]), func(one Trouble) bool { return one.At.Before(since) })
}

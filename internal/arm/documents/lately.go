package documents

import (
	"sync"

	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/store"
)

// lately holds decoded documents that were looked at lately. Subscriptions and groups
// are looked at with every call, and what clients poll is asked for again and again;
// of the rest there is no more than mostKept, however many resources there are.
type lately struct {
	mu    sync.RWMutex
	known map[string]*resource.Resource // by key
	size  int                           // of what was kept, as it is stored
}

// mostKept bounds the bytes of kept documents.
const mostKept = 4 << 20

// get returns the document of the item's state.
func (l *lately) get(item store.Item) (*resource.Resource, bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	r, ok := l.known[item.Key]
	return r, ok && r.Revision == item.Revision
}

// keep makes the document one that all who look at it share.
func (l *lately) keep(item store.Item, r *resource.Resource) {
	if len(item.Value) > mostKept {
		return
	}
	r.Shown = &resource.Shown{}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.size += len(item.Value); l.size > mostKept {
		// What is looked at often is back at once, and no order has to be kept for it.
		clear(l.known)
		l.size = len(item.Value)
	}
	l.known[item.Key] = r
}

package assignments

import (
	"slices"
	"sync"

	"github.com/lanyard-project/lanyard/internal/node/grant"
)

// key names those whom an entry entitles: a pod by its name, or pods by the value of their label.
type key struct{ namespace, name string }

type entry struct {
	key
	grant.Assigned
}

// use counts the entries that an identity can be used by.
type use struct {
	identity grant.Identity
	entries  int
}

// index answers what a pod may have. Each object of the API server makes one entry at most. It is safe for concurrent use.
type index struct {
	gone func(grant.Identity)

	mu      sync.RWMutex
	entries map[string]entry // by the object's UID
	byKey   map[key][]grant.Assigned
	uses    map[string]*use
	synced  bool
	changed chan struct{}

	// of the update that is being made
	dirty   bool
	suspect map[string]bool // identities that may have lost their last entry
}

func newIndex(gone func(grant.Identity)) *index {
	return &index{
		gone: gone, entries: map[string]entry{}, byKey: map[key][]grant.Assigned{}, uses: map[string]*use{},
		changed: make(chan struct{}), suspect: map[string]bool{},
	}
}

func (x *index) of(namespace, name string) []grant.Assigned {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.byKey[key{namespace, name}]
}

// Changed is closed at the next change. Take it before looking, so that no change slips through.
func (x *index) Changed() <-chan struct{} {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.changed
}

// Synced reports whether all objects have been read in full at least once.
func (x *index) Synced() bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.synced
}

// Len gives the number of objects that entitle somebody.
func (x *index) Len() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return len(x.entries)
}

// update makes a change in one step: readers see all of it or nothing.
func (x *index) update(change func()) {
	x.mu.Lock()
	change()
	var gone []grant.Identity
	for name := range x.suspect {
		if used := x.uses[name]; used.entries == 0 {
			gone = append(gone, used.identity)
			delete(x.uses, name)
		}
	}
	clear(x.suspect)
	if x.dirty {
		x.dirty = false
		close(x.changed)
		x.changed = make(chan struct{})
	}
	x.mu.Unlock()
	for _, identity := range gone {
		x.gone(identity)
	}
}

// sync marks the index as complete, which is a change too: somebody may wait for it. Called within an update.
func (x *index) sync() {
	x.synced, x.dirty = true, true
}

// put enters what an object entitles to. Called within an update.
func (x *index) put(uid string, e entry) {
	if known, ok := x.entries[uid]; ok && known == e {
		return // a new version that says the same
	}
	x.remove(uid)
	x.dirty = true
	x.entries[uid] = e
	x.byKey[e.key] = append(slices.Clip(x.byKey[e.key]), e.Assigned) // a copy: readers keep the slices they hold
	if e.State == grant.StateAssigned {
		name := e.Identity.Key()
		if x.uses[name] == nil {
			x.uses[name] = &use{identity: e.Identity}
		}
		x.uses[name].entries++
	}
}

// remove forgets what an object entitled to. Called within an update.
func (x *index) remove(uid string) {
	e, ok := x.entries[uid]
	if !ok {
		return
	}
	x.dirty = true
	delete(x.entries, uid)
	var rest []grant.Assigned
	at := slices.Index(x.byKey[e.key], e.Assigned)
	for i, a := range x.byKey[e.key] {
		if i != at {
			rest = append(rest, a)
		}
	}
	if x.byKey[e.key] = rest; len(rest) == 0 {
		delete(x.byKey, e.key)
	}
	if e.State == grant.StateAssigned {
		name := e.Identity.Key()
		x.uses[name].entries--
		x.suspect[name] = true
	}
}

// retain removes the entries of all objects but those named. Called within an update.
func (x *index) retain(keep func(uid string) bool) {
	for uid := range x.entries {
		if !keep(uid) {
			x.remove(uid)
		}
	}
}

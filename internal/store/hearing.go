package store

import (
	"slices"
	"strings"
	"sync"
)

// hearing is who hears of what this process writes.
type hearing struct {
	mu  sync.Mutex
	all []*hearer // never changed, only replaced
}

type hearer struct {
	prefix string
	hear   func(Event)
}

// Hear has hear called with each change that a transaction of this process makes
// below the prefix, before Txn returns: in the goroutine of whoever called Txn, so
// in any order, and after later ones that a watch may have brought. It is for who
// watches as well: a transaction whose answer was lost, and what others write, is
// told by the watch alone. It ends with stop.
func (s *Store) Hear(prefix string, hear func(Event)) (stop func()) {
	h := &hearer{prefix, hear}
	s.hearing.mu.Lock()
	defer s.hearing.mu.Unlock()
	s.hearing.all = append(slices.Clone(s.hearing.all), h)
	return func() {
		s.hearing.mu.Lock()
		defer s.hearing.mu.Unlock()
		s.hearing.all = slices.DeleteFunc(slices.Clone(s.hearing.all), func(one *hearer) bool { return one == h })
	}
}

// tell tells of what a transaction has written.
func (s *Store) tell(ops []Op, revision int64) {
	s.hearing.mu.Lock()
	all := s.hearing.all
	s.hearing.mu.Unlock()
	if len(all) == 0 {
		return
	}
	for _, o := range ops {
		e := Event{Type: EventPut, Item: Item{Key: o.key, Value: o.value, Revision: revision}}
		if o.deletes {
			e.Type = EventDelete
		}
		for _, h := range all {
			if strings.HasPrefix(e.Item.Key, h.prefix) {
				h.hear(e)
			}
		}
	}
}

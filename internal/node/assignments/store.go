package assignments

import (
	"strings"
	"sync"

	"github.com/lanyard-project/lanyard/internal/node/grant"
)

// Store is the node's assignments, by pod. It is safe for concurrent use.
type Store struct {
	node string
	gone func(grant.Identity)

	mu      sync.RWMutex
	objects map[string]Object // by UID
	byPod   map[podKey][]grant.Assigned
	usable  map[string]grant.Identity
	synced  bool
	changed chan struct{}
}

type podKey struct{ namespace, name string }

// NewStore makes an empty store for a node. gone is called with each identity that no pod of the node may use any more.
func NewStore(node string, gone func(grant.Identity)) *Store {
	return &Store{
		node: node, gone: gone, objects: map[string]Object{},
		byPod: map[podKey][]grant.Assigned{}, changed: make(chan struct{}),
	}
}

// Of gives a pod's assignments. The slice is not to be changed.
func (s *Store) Of(namespace, name string) []grant.Assigned {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.byPod[podKey{namespace, name}]
}

// Changed is closed at the next change. Take it before looking, so that no change slips through.
func (s *Store) Changed() <-chan struct{} {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.changed
}

// Synced reports whether the assignments have been read in full at least once.
func (s *Store) Synced() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.synced
}

// Len gives the number of assignments.
func (s *Store) Len() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.objects)
}

// Replace is the result of a full reading.
func (s *Store) Replace(all []Object) {
	s.mu.Lock()
	s.objects = make(map[string]Object, len(all))
	for _, object := range all {
		s.objects[object.UID] = object
	}
	s.synced = true
	gone := s.rebuild()
	s.mu.Unlock()
	s.report(gone)
}

// Apply enters a new or changed object.
func (s *Store) Apply(object Object) {
	s.mu.Lock()
	s.objects[object.UID] = object
	gone := s.rebuild()
	s.mu.Unlock()
	s.report(gone)
}

// Remove forgets an object.
func (s *Store) Remove(object Object) {
	s.mu.Lock()
	delete(s.objects, object.UID)
	gone := s.rebuild()
	s.mu.Unlock()
	s.report(gone)
}

// rebuild derives the index. A node has a few hundred assignments at most and they change a few times a minute, so it is
// made anew each time; readers keep the slices they hold. It gives the identities that nobody may use any more.
func (s *Store) rebuild() (gone []grant.Identity) {
	byPod := make(map[podKey][]grant.Assigned)
	usable := make(map[string]grant.Identity)
	for _, object := range s.objects {
		a, ok := object.assigned(s.node)
		if !ok {
			continue
		}
		key := podKey{object.Spec.PodNamespace, object.Spec.Pod}
		byPod[key] = append(byPod[key], a)
		if a.State == grant.StateAssigned {
			usable[strings.ToLower(a.Identity.ResourceID+" "+a.Identity.ClientID)] = a.Identity
		}
	}
	for key, identity := range s.usable {
		if _, still := usable[key]; !still {
			gone = append(gone, identity)
		}
	}
	s.byPod, s.usable = byPod, usable
	close(s.changed)
	s.changed = make(chan struct{})
	return gone
}

func (s *Store) report(gone []grant.Identity) {
	for _, identity := range gone {
		s.gone(identity)
	}
}

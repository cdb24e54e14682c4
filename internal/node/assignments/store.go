package assignments

import (
	"github.com/lanyard-project/lanyard/internal/node/grant"
)

// Store is the node's AzureAssignedIdentity objects. It is safe for concurrent use.
type Store struct {
	*index
	node string
}

// NewStore makes an empty store for a node. gone is called with each identity that no pod of the node may use any more.
func NewStore(node string, gone func(grant.Identity)) *Store {
	return &Store{index: newIndex(gone), node: node}
}

// Of gives a pod's assignments. The slice is not to be changed.
func (s *Store) Of(pod grant.Pod) []grant.Assigned {
	return s.of(pod.Namespace, pod.Name)
}

// Replace is the result of a full reading.
func (s *Store) Replace(all []Object) {
	listed := make(map[string]bool, len(all))
	for _, object := range all {
		listed[object.UID] = true
	}
	s.update(func() {
		s.retain(func(uid string) bool { return listed[uid] })
		for _, object := range all {
			s.enter(object)
		}
		s.sync()
	})
}

// Apply enters a new or changed object.
func (s *Store) Apply(object Object) {
	s.update(func() { s.enter(object) })
}

// Remove forgets an object.
func (s *Store) Remove(object Object) {
	s.update(func() { s.remove(object.UID) })
}

// enter is part of an update.
func (s *Store) enter(object Object) {
	a, ok := object.assigned(s.node)
	if !ok {
		s.remove(object.UID)
		return
	}
	s.put(object.UID, entry{key{object.Spec.PodNamespace, object.Spec.Pod}, a})
}

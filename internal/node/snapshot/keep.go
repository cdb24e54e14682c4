package snapshot

import (
	"encoding/json"

	"github.com/lanyard-project/lanyard/internal/node/kube"
)

// Object is something with a UID.
type Object interface{ Identifier() string }

// Keep puts a collection under a store's care: it is filled from the snapshot now, if there is one, and what the sink is given
// later is remembered.
func Keep[T Object](s *Store, collection string, sink kube.Sink[T]) kube.Sink[T] {
	if objects, ok := s.restore(collection); ok {
		all := make([]T, 0, len(objects))
		for _, raw := range objects {
			var object T
			if json.Unmarshal(raw, &object) == nil {
				all = append(all, object)
			}
		}
		sink.Replace(all)
		s.Log.Info("restored from the snapshot", "collection", collection, "objects", len(all), "age", s.Age())
	}
	return &keeper[T]{store: s, collection: collection, sink: sink}
}

// restore gives what was on file about a collection.
func (s *Store) restore(collection string) (map[string]json.RawMessage, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	objects, ok := s.restored[collection]
	if _, heard := s.heard[collection]; !ok || !heard {
		return nil, false
	}
	s.objects[collection] = objects
	return objects, true
}

// keeper is a sink that remembers and passes on.
type keeper[T Object] struct {
	store      *Store
	collection string
	sink       kube.Sink[T]
}

// Replace is the result of a full reading.
func (k *keeper[T]) Replace(all []T) {
	objects := make(map[string]json.RawMessage, len(all))
	for _, object := range all {
		if raw, err := json.Marshal(object); err == nil {
			objects[object.Identifier()] = raw
		}
	}
	k.change(func(map[string]json.RawMessage) map[string]json.RawMessage { return objects })
	k.sink.Replace(all)
}

// Apply enters a new or changed object.
func (k *keeper[T]) Apply(object T) {
	k.change(func(known map[string]json.RawMessage) map[string]json.RawMessage {
		if raw, err := json.Marshal(object); err == nil {
			known[object.Identifier()] = raw
		}
		return known
	})
	k.sink.Apply(object)
}

// Remove forgets an object.
func (k *keeper[T]) Remove(object T) {
	k.change(func(known map[string]json.RawMessage) map[string]json.RawMessage {
		delete(known, object.Identifier())
		return known
	})
	k.sink.Remove(object)
}

func (k *keeper[T]) change(do func(map[string]json.RawMessage) map[string]json.RawMessage) {
	if k.store.box == nil {
		return
	}
	k.store.mu.Lock()
	defer k.store.mu.Unlock()
	known := k.store.objects[k.collection]
	if known == nil {
		known = map[string]json.RawMessage{}
	}
	k.store.objects[k.collection] = do(known)
	k.store.dirty = true
}

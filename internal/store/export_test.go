package store

import clientv3 "go.etcd.io/etcd/client/v3"

// Hold makes transactions wait as if others were under way; release lets the first
// of them go, with whom it may share.
func (s *Store) Hold() (release func()) {
	g := &s.group
	g.mu.Lock()
	g.flying = flights
	g.mu.Unlock()
	return func() {
		for range flights {
			g.pass()
		}
	}
}

// Waiting is how many transactions wait.
func (s *Store) Waiting() int {
	s.group.mu.Lock()
	defer s.group.mu.Unlock()
	return len(s.group.waiting)
}

// Flying is how many transactions are under way.
func (s *Store) Flying() int {
	s.group.mu.Lock()
	defer s.group.mu.Unlock()
	return s.group.flying
}

// Through has requests go through what wrap makes of the way to etcd. Not while any
// are under way.
func (s *Store) Through(wrap func(clientv3.KV) clientv3.KV) { s.client.KV = wrap(s.client.KV) }

// Remembered is how far back watches in memory begin.
const Remembered = remembered

// Listeners is how many watches are fed from the part that has the key.
func (s *Store) Listeners(key string) int {
	f := s.holder(key)
	if f == nil {
		return 0
	}
	f.audience.mu.Lock()
	defer f.audience.mu.Unlock()
	return len(f.audience.watches)
}

// FromMemory reports whether the key is read from memory now.
func (s *Store) FromMemory(key string) bool { return s.serving(key) != nil }

package serve

import "sync"

// served remembers which pods, by UID, have got a token. A new pod of an old name has another UID and starts afresh.
type served struct {
	mu   sync.RWMutex
	pods map[string]struct{}
}

func newServed() *served { return &served{pods: map[string]struct{}{}} }

func (s *served) has(uid string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	_, ok := s.pods[uid]
	return ok
}

func (s *served) add(uid string) {
	if s.has(uid) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.pods) >= maxBuckets { // forgetting costs a revoked pod some waiting, no more
		clear(s.pods)
	}
	s.pods[uid] = struct{}{}
}

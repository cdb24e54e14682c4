package tokens

import "sync"

// memory holds verified tokens by their digest, so that the digest, not the
// token, stays in memory. When it is full, any other entry makes room: what is
// used often comes back at once, and no order has to be kept on the way of a hit.
type memory struct {
	mu    sync.RWMutex
	limit int
	known map[[32]byte]verified
}

func newMemory(limit int) *memory {
	return &memory{limit: limit, known: make(map[[32]byte]verified)}
}

func (m *memory) get(digest [32]byte) (verified, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	v, ok := m.known[digest]
	return v, ok
}

func (m *memory) put(digest [32]byte, v verified) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.known) >= m.limit {
		for any := range m.known {
			delete(m.known, any)
			break
		}
	}
	m.known[digest] = v
}

package clusters

import "sync"

// locks are locks by name: calls for one object wait for each other, calls for
// different ones don't.
type locks struct {
	mu   sync.Mutex
	held map[string]*lock
}

type lock struct {
	sync.RWMutex
	users int
}

// exclusive locks a name and returns how to unlock it.
func (l *locks) exclusive(name string) func() {
	k := l.take(name)
	k.Lock()
	return func() { k.Unlock(); l.drop(name, k) }
}

// shared locks a name against those who need it exclusively.
func (l *locks) shared(name string) func() {
	k := l.take(name)
	k.RLock()
	return func() { k.RUnlock(); l.drop(name, k) }
}

func (l *locks) take(name string) *lock {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := l.held[name]
	if k == nil {
		k = &lock{}
		l.held[name] = k
	}
	k.users++
	return k
}

func (l *locks) drop(name string, k *lock) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if k.users--; k.users == 0 {
		delete(l.held, name)
	}
}

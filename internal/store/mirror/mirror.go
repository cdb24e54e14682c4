package mirror

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/lanyard-project/lanyard/internal/store"
	"k8s.io/utils/clock"
)

// Config says what is mirrored and who is told.
type Config struct {
	Store  *store.Store
	Prefix string
	// Match picks keys below the prefix.
	Match func(key string) bool
	// Put is told of a new or changed item, Delete of a key that is gone. They run
	// under the mirror's lock, one at a time, and must not call back.
	Put    func(item store.Item)
	Delete func(key string)
	Log    *slog.Logger
	Clock  clock.Clock
}

// Mirror follows a part of the store. It is safe for concurrent use.
type Mirror struct {
	cfg Config

	mu sync.Mutex
	// deaf ends hearing of what this process writes; nil before Load.
	deaf func()
	// live holds every mirrored key with the revision of the state that was last told.
	live map[string]int64
	// gone holds keys that this process removed, with the revision of that, until the
	// watch has come so far: what it brings of them up to then is old.
	gone map[string]int64
	// seen is the newest revision that the watch delivered: all changes before it
	// have been told.
	seen int64
}

// New returns a mirror that has read nothing yet.
func New(cfg Config) *Mirror {
	return &Mirror{cfg: cfg, live: map[string]int64{}, gone: map[string]int64{}}
}

const pageSize = 500

func (m *Mirror) listen() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.deaf == nil {
		m.deaf = m.cfg.Store.Hear(m.cfg.Prefix, m.written)
	}
}

// Load reads the mirrored part as it is now, and tells of everything in it and
// of everything that was told before and is gone. From now on what this process
// writes is told before its Txn returns.
func (m *Mirror) Load(ctx context.Context) error {
	m.listen()
	for {
		// Pages are of one revision, which may be compacted before the last is read.
		if err := m.load(ctx); !errors.Is(err, store.ErrCompacted) {
			return err
		}
	}
}

func (m *Mirror) load(ctx context.Context) error {
	found := map[string]bool{}
	options := store.ListOptions{Limit: pageSize}
	for {
		page, err := m.cfg.Store.List(ctx, m.cfg.Prefix, options)
		if err != nil {
			return fmt.Errorf("loading the mirror of %s: %w", m.cfg.Prefix, err)
		}
		for _, item := range page.Items {
			options.After = item.Key
			if m.cfg.Match(item.Key) {
				found[item.Key] = true
				m.deliver(item, false)
			}
		}
		options.Revision = page.Revision
		if !page.More {
			break
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.seen = max(m.seen, options.Revision)
	for key, revision := range m.live {
		if !found[key] && revision <= options.Revision {
			delete(m.live, key)
			m.cfg.Delete(key)
		}
	}
	m.forgive()
	return nil
}

// Follow applies changes until ctx ends, and with it the mirror. When the watch
// breaks it loads everything again, with growing waits while the store can't be
// reached. Load must have succeeded before.
func (m *Mirror) Follow(ctx context.Context) error {
	defer m.deaf()
	const first, most = 50 * time.Millisecond, 5 * time.Second
	wait := first
	for {
		err := m.watch(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		m.cfg.Log.WarnContext(ctx, "watch broke, reading again", "prefix", m.cfg.Prefix, "error", err)
		for {
			if err = m.Load(ctx); err == nil {
				wait = first
				break
			}
			m.cfg.Log.WarnContext(ctx, "reading again failed", "prefix", m.cfg.Prefix, "error", err, "wait", wait)
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-m.cfg.Clock.After(wait):
			}
			wait = min(2*wait, most)
		}
	}
}

var errWatchEnded = errors.New("watch ended")

func (m *Mirror) watch(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	m.mu.Lock()
	after := m.seen
	m.mu.Unlock()
	for event := range m.cfg.Store.Watch(ctx, m.cfg.Prefix, after) {
		switch event.Type {
		case store.EventError:
			return event.Err
		case store.EventPut:
			m.delivered(event.Item, false)
		case store.EventDelete:
			m.delivered(event.Item, true)
		}
	}
	return errWatchEnded
}

// delivered takes a change from the watch.
func (m *Mirror) delivered(item store.Item, deleted bool) {
	if m.cfg.Match(item.Key) {
		m.deliver(item, deleted)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if item.Revision > m.seen {
		m.seen = item.Revision
		m.forgive()
	}
}

// deliver takes what a list or the watch says about a key.
func (m *Mirror) deliver(item store.Item, deleted bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.take(item, deleted)
}

// written takes a change that this process made.
func (m *Mirror) written(e store.Event) {
	if m.cfg.Match(e.Item.Key) {
		m.learn(e.Item, e.Type == store.EventDelete)
	}
}

// Learn takes in an item that was just read from the store, where others may have
// put it: it has been told when Learn returns, and isn't waited for.
func (m *Mirror) Learn(item store.Item) { m.learn(item, false) }

// learn takes what is known from elsewhere than the watch. What is older than the
// watch has been told, and may have changed since.
func (m *Mirror) learn(item store.Item, deleted bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if item.Revision < m.seen || item.Revision <= m.live[item.Key] {
		return
	}
	m.take(item, deleted)
	if deleted {
		m.gone[item.Key] = max(m.gone[item.Key], item.Revision)
	}
}

// take tells of a change unless a newer one has been told. The caller holds the lock.
func (m *Mirror) take(item store.Item, deleted bool) {
	before, known := m.live[item.Key]
	switch {
	case known && item.Revision <= before:
	case deleted && known:
		delete(m.live, item.Key)
		m.cfg.Delete(item.Key)
	case !deleted && item.Revision > m.gone[item.Key]:
		delete(m.gone, item.Key)
		m.live[item.Key] = item.Revision
		m.cfg.Put(item)
	}
}

// forgive forgets removals that the watch has come past. The caller holds the lock.
func (m *Mirror) forgive() {
	for key, revision := range m.gone {
		if revision < m.seen {
			delete(m.gone, key)
		}
	}
}

package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/btree"
	clientv3 "go.etcd.io/etcd/client/v3"
	"k8s.io/utils/clock"
)

// A followed part of the store is read from memory: it was listed once, and a
// watch keeps it up to date.
//
// What this process writes is in memory before Txn returns. What others write is
// there when the watch brings it, milliseconds later. A watch that is silent for
// longer than fresh proves nothing, then reads go to etcd again: a replica that is
// cut off from etcd says so instead of answering from the past. Conditions of
// transactions are always etcd's to judge, and a conflict refreshes what it was
// about.
const (
	fresh    = 4 * time.Second
	progress = time.Second
)

type followed struct {
	prefix   string
	clock    clock.PassiveClock
	heard    atomic.Int64 // when the watch last said anything, in nanoseconds
	audience audience

	mu    sync.RWMutex
	ready bool
	items *btree.BTreeG[Item]
	gone  map[string]int64 // removed by us, until the watch has come so far
	seen  int64            // the watch has brought everything up to it
}

// Follow reads the keys below the prefix, one of several, into memory, from where Get and List
// answer from now on, and follows their changes until ctx ends. It returns once
// everything is read; done ends when following has ended.
func (s *Store) Follow(ctx context.Context, prefix string, clk clock.WithTicker, log *slog.Logger) (done <-chan struct{}, err error) {
	ctx, cancel := context.WithCancel(ctx)
	f, changes, err := s.startFollowing(ctx, prefix, clk)
	if err != nil {
		cancel()
		return nil, err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer cancel()
		defer s.forget(prefix)
		const most = 5 * time.Second
		for wait := 50 * time.Millisecond; ; wait = min(2*wait, most) {
			if f != nil {
				err := s.follow(ctx, f, changes, clk)
				f.audience.end(err)
				if ctx.Err() != nil {
					return
				}
				log.Warn("watch broke, reading again", "prefix", prefix, "error", err)
				wait = 50 * time.Millisecond
			}
			select {
			case <-clk.After(wait):
			case <-ctx.Done():
				return
			}
			if f, changes, err = s.startFollowing(ctx, prefix, clk); err != nil {
				log.Warn("reading again failed", "prefix", prefix, "error", err)
				f = nil
			}
		}
	}()
	return ended, nil
}

// startFollowing reads the part. What this process writes meanwhile gets into it
// as well: it is announced before it is read.
func (s *Store) startFollowing(ctx context.Context, prefix string, clk clock.PassiveClock) (*followed, clientv3.WatchChan, error) {
	f := &followed{
		prefix: prefix, clock: clk, gone: map[string]int64{},
		items: btree.NewG(32, func(a, b Item) bool { return a.Key < b.Key }),
	}
	s.announce(f)
	options := ListOptions{Limit: 2000}
	for {
		page, err := s.list(ctx, prefix, options)
		if err != nil {
			return nil, nil, fmt.Errorf("following %s: %w", prefix, err)
		}
		for _, item := range page.Items {
			f.put(item)
			options.After = item.Key
		}
		options.Revision = page.Revision
		if !page.More {
			break
		}
	}
	changes := s.client.Watch(clientv3.WithRequireLeader(ctx), prefix, clientv3.WithPrefix(), clientv3.WithRev(options.Revision+1), clientv3.WithProgressNotify())
	f.mu.Lock()
	f.ready, f.seen = true, options.Revision
	f.mu.Unlock()
	f.audience.begin(options.Revision)
	f.heard.Store(clk.Now().UnixNano())
	return f, changes, nil
}

var errWatchEnded = errors.New("the watch ended")

func (s *Store) follow(ctx context.Context, f *followed, changes clientv3.WatchChan, clk clock.WithTicker) error {
	ticker := clk.NewTicker(progress)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C():
			if err := s.client.RequestProgress(clientv3.WithRequireLeader(ctx)); err != nil {
				return err
			}
		case change, ok := <-changes:
			if !ok {
				return errWatchEnded
			}
			if err := change.Err(); err != nil {
				return translate(err)
			}
			f.apply(change)
			f.heard.Store(clk.Now().UnixNano())
		}
	}
}

// apply takes what the watch brings.
func (f *followed) apply(change clientv3.WatchResponse) {
	events := make([]Event, len(change.Events))
	for i, e := range change.Events {
		events[i] = eventOf(e)
		if item := events[i].Item; events[i].Type == EventDelete {
			f.remove(item.Key, item.Revision, false)
		} else {
			f.put(item)
		}
	}
	f.come(change.Header.Revision)
	// After memory has them: who is told of a change and reads, reads it.
	f.audience.tell(events)
}

// come notes that the watch has brought everything up to the revision.
func (f *followed) come(revision int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen = max(f.seen, revision)
	for key, revision := range f.gone {
		if revision <= f.seen {
			delete(f.gone, key)
		}
	}
}

// put takes a state of an item unless a newer one is known.
func (f *followed) put(item Item) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if known, ok := f.items.Get(item); (!ok || known.Revision < item.Revision) && f.gone[item.Key] < item.Revision {
		f.items.ReplaceOrInsert(item)
	}
}

// remove takes an item away. Ours is remembered until the watch has come so far:
// it may still bring the state before.
func (f *followed) remove(key string, revision int64, ours bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if known, ok := f.items.Get(Item{Key: key}); ok && known.Revision <= revision {
		f.items.Delete(known)
	}
	if ours && revision > f.seen {
		f.gone[key] = max(f.gone[key], revision)
	}
}

// announce makes a part the one of its prefix.
func (s *Store) announce(f *followed) {
	s.followedLock.Lock()
	defer s.followedLock.Unlock()
	s.setFollowed(f.prefix, f)
}

// forget ends reading the prefix from memory.
func (s *Store) forget(prefix string) {
	s.followedLock.Lock()
	defer s.followedLock.Unlock()
	s.setFollowed(prefix)
}

func (s *Store) setFollowed(prefix string, more ...*followed) {
	parts := more
	if known := s.followed.Load(); known != nil {
		for _, f := range *known {
			if f.prefix != prefix {
				parts = append(parts, f)
			}
		}
	}
	s.followed.Store(&parts)
}

// holder returns the followed part that has the key, or nil.
func (s *Store) holder(key string) *followed {
	if parts := s.followed.Load(); parts != nil {
		for _, f := range *parts {
			if strings.HasPrefix(key, f.prefix) {
				return f
			}
		}
	}
	return nil
}

// serving returns the followed part that has the key, if memory can be trusted now.
func (s *Store) serving(key string) *followed {
	f := s.holder(key)
	if f == nil || f.clock.Now().UnixNano()-f.heard.Load() > int64(fresh) {
		return nil
	}
	return f
}

// get returns an item from memory; known is false while memory isn't complete.
func (f *followed) get(key string) (item Item, found, known bool) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	item, found = f.items.Get(Item{Key: key})
	return item, found, f.ready
}

// list returns a page from memory, unless that isn't complete.
func (f *followed) list(prefix string, o ListOptions) (Page, bool) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if !f.ready {
		return Page{}, false
	}
	from := prefix
	if o.After >= prefix && o.After != "" {
		from = o.After + "\x00"
	}
	page := Page{Revision: f.seen}
	f.items.AscendGreaterOrEqual(Item{Key: from}, func(item Item) bool {
		if !strings.HasPrefix(item.Key, prefix) {
			return false
		}
		if o.Limit > 0 && len(page.Items) == o.Limit {
			page.More = true
			return false
		}
		if o.KeysOnly {
			item.Value = nil
		}
		page.Items = append(page.Items, item)
		return true
	})
	return page, true
}

// wrote takes over what this process has written.
func (s *Store) wrote(ops []Op, revision int64) {
	for _, o := range ops {
		f := s.holder(o.key)
		switch {
		case f == nil:
		case o.deletes:
			f.remove(o.key, revision, true)
		default:
			f.put(Item{Key: o.key, Value: o.value, Revision: revision})
		}
	}
}

// reread asks etcd for the items that a conflict was about: what is decided anew
// must not be decided by the same old state.
func (s *Store) reread(ctx context.Context, conds []Cond) {
	for _, c := range conds {
		f := s.holder(c.key)
		if f == nil || c.end != "" {
			continue
		}
		response, err := s.client.Get(ctx, c.key)
		switch {
		case err != nil: // the caller meets it again
		case len(response.Kvs) == 0:
			f.remove(c.key, response.Header.Revision, true)
		default:
			f.put(Item{Key: c.key, Value: response.Kvs[0].Value, Revision: response.Kvs[0].ModRevision})
		}
	}
}

package store

import (
	"context"
	"fmt"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// Lease is the ownership of keys for as long as this process is alive: its keys
// vanish when it is released, or when it wasn't refreshed for the time to live.
type Lease struct {
	store *Store
	id    clientv3.LeaseID
	stop  context.CancelFunc
	lost  chan struct{}
}

// NewLease makes a lease that is refreshed until Release, or until ctx is done.
// etcd counts in whole seconds, the least is one.
func (s *Store) NewLease(ctx context.Context, ttl time.Duration) (*Lease, error) {
	seconds := int64((ttl + time.Second - 1) / time.Second)
	grantCtx, cancel := bounded(ctx)
	defer cancel()
	granted, err := s.client.Grant(grantCtx, max(seconds, 1))
	if err != nil {
		return nil, fmt.Errorf("granting a lease: %w", translate(err))
	}
	refreshing, stop := context.WithCancel(ctx)
	beats, err := s.client.KeepAlive(refreshing, granted.ID)
	if err != nil {
		stop()
		return nil, fmt.Errorf("refreshing a lease: %w", translate(err))
	}
	lease := &Lease{store: s, id: granted.ID, stop: stop, lost: make(chan struct{})}
	go func() {
		defer close(lease.lost)
		for range beats {
		}
	}()
	return lease, nil
}

// Lost is closed when the lease is no longer refreshed: its keys are gone or soon
// will be, and what they protected must stop.
func (l *Lease) Lost() <-chan struct{} { return l.lost }

// Release ends the lease and removes its keys at once.
func (l *Lease) Release(ctx context.Context) error {
	l.stop()
	<-l.lost
	ctx, cancel := bounded(ctx)
	defer cancel()
	if _, err := l.store.client.Revoke(ctx, l.id); err != nil {
		return fmt.Errorf("releasing a lease: %w", translate(err))
	}
	return nil
}

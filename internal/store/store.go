package store

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
)

var (
	// ErrNotFound says that no item has this key.
	ErrNotFound = errors.New("item not found")
	// ErrConflict says that a condition of a transaction didn't hold, so nothing was written.
	ErrConflict = errors.New("item changed meanwhile")
	// ErrCompacted says that the asked revision is gone: list again and watch from the page's revision.
	ErrCompacted = errors.New("revision compacted")
	// ErrFull says that the database has reached its limit and takes only deletions.
	ErrFull = errors.New("the database is full")
)

// callTimeout bounds a call whose context has no deadline: a store that doesn't
// answer must become an error, not a request that hangs.
const callTimeout = 15 * time.Second

// maxMessage bounds what a reply may weigh. Lists are read in chunks, so only a
// chunk of huge values comes near to it.
const maxMessage = 64 << 20

// Item is one stored document.
type Item struct {
	Key      string
	Value    []byte
	Revision int64 // etcd's mod revision: grows with every write of the key
}

// Store reads and writes items. It is safe for concurrent use.
type Store struct {
	client   *clientv3.Client
	group    group
	hearing  hearing
	followed atomic.Pointer[[]*followed]
	// followedLock is for who changes the list.
	followedLock sync.Mutex
}

// Config says which etcd to use.
type Config struct {
	Endpoints []string    // unixs:///path, unix:///path or https://host:port
	TLS       *tls.Config // nil only for unix:// endpoints; the certificate's common name is the etcd user
}

// Open connects to etcd. The connection is made when it is first needed.
func Open(cfg Config) (*Store, error) {
	client, err := clientv3.New(clientv3.Config{
		Endpoints:            cfg.Endpoints,
		TLS:                  cfg.TLS,
		DialKeepAliveTime:    30 * time.Second,
		DialKeepAliveTimeout: 10 * time.Second,
		MaxCallRecvMsgSize:   maxMessage,
		Logger:               zap.NewNop(),
		DialOptions:          []grpc.DialOption{grpc.WithUserAgent("lanyard")},
	})
	if err != nil {
		return nil, fmt.Errorf("connecting to etcd: %w", err)
	}
	return New(client), nil
}

// New wraps a connected client, which the store then owns.
func New(client *clientv3.Client) *Store { return &Store{client: client} }

// Close ends the connection and every watch on it.
func (s *Store) Close() error {
	err := s.client.Close()
	s.group.close()
	return err
}

// Ready makes one linearizable read: etcd has a leader and answers this user.
func (s *Store) Ready(ctx context.Context) error {
	_, err := s.Get(ctx, "/lanyard/schema")
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// Get reads one item, or ErrNotFound.
func (s *Store) Get(ctx context.Context, key string) (Item, error) {
	if f := s.serving(key); f != nil {
		if item, found, known := f.get(key); found && known {
			return item, nil
		} else if known {
			return Item{}, fmt.Errorf("reading %s: %w", key, ErrNotFound)
		}
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	response, err := s.client.Get(ctx, key)
	if err != nil {
		return Item{}, fmt.Errorf("reading %s: %w", key, translate(err))
	}
	if len(response.Kvs) == 0 {
		return Item{}, fmt.Errorf("reading %s: %w", key, ErrNotFound)
	}
	kv := response.Kvs[0]
	return Item{Key: key, Value: kv.Value, Revision: kv.ModRevision}, nil
}

func bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, has := ctx.Deadline(); has {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, callTimeout)
}

// translate gives callers errors that they can compare without knowing etcd.
func translate(err error) error {
	switch {
	case errors.Is(err, rpctypes.ErrCompacted):
		return fmt.Errorf("%w: %w", ErrCompacted, err)
	case errors.Is(err, rpctypes.ErrNoSpace):
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}

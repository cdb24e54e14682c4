// Package storetest gives tests a store over a real etcd: embedded in the test
// process, on a unix socket, started in a fraction of a second. Only durability
// is left out (no fsync): no test outlives its machine.
package storetest

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"

	"github.com/lanyard-project/lanyard/internal/store"
)

// startTimeout is generous: it costs nothing where etcd starts.
const startTimeout = 2 * time.Minute

// New starts an etcd of its own for the test (or benchmark) and returns a store
// on it. Both end with the test.
func New(t testing.TB) *store.Store {
	t.Helper()
	s, stop, err := Start()
	if err != nil {
		t.Fatalf("starting etcd: %v", err)
	}
	t.Cleanup(stop)
	return s
}

// NewShared is New for tests with other processes: they open the endpoint, which
// is also returned, themselves.
func NewShared(t testing.TB) (*store.Store, string) {
	t.Helper()
	s, endpoint, stop, err := start()
	if err != nil {
		t.Fatalf("starting etcd: %v", err)
	}
	t.Cleanup(stop)
	return s, endpoint
}

// Start is New for a TestMain, where one etcd serves all tests of a package.
func Start() (*store.Store, func(), error) {
	s, _, stop, err := start()
	return s, stop, err
}

func start() (*store.Store, string, func(), error) {
	// Not t.TempDir: a socket's path is limited to 108 bytes, test names aren't.
	dir, err := os.MkdirTemp("", "etcd")
	if err != nil {
		return nil, "", nil, err
	}
	stop := func() { _ = os.RemoveAll(dir) }
	server, err := embed.StartEtcd(config(dir))
	if err != nil {
		stop()
		return nil, "", nil, err
	}
	stop = func() {
		server.Close()
		_ = os.RemoveAll(dir)
	}
	select {
	case <-server.Server.ReadyNotify():
	case <-time.After(startTimeout):
		stop()
		return nil, "", nil, fmt.Errorf("no leader within %v", startTimeout)
	}
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{"unix://" + socket(dir)}, Logger: zap.NewNop()})
	if err != nil {
		stop()
		return nil, "", nil, err
	}
	s := store.New(client)
	return s, "unix://" + socket(dir), func() {
		_ = s.Close()
		stop()
	}, nil
}

func socket(dir string) string { return filepath.Join(dir, "socket") }

func config(dir string) *embed.Config {
	c := embed.NewConfig()
	c.Name = "test"
	c.Dir = filepath.Join(dir, "data")
	c.ListenClientUrls = []url.URL{{Scheme: "unix", Path: socket(dir)}}
	// One member: it never speaks to a peer, so it doesn't listen for one. The name in the URL is only its identity.
	c.ListenPeerUrls = nil
	c.AdvertisePeerUrls = []url.URL{{Scheme: "http", Host: "localhost:2380"}}
	c.AdvertiseClientUrls = []url.URL{{Scheme: "http", Host: "localhost:2379"}}
	c.InitialCluster = "test=http://localhost:2380"
	c.TickMs, c.ElectionMs = 10, 100
	c.UnsafeNoFsync = true
	c.MaxTxnOps = store.MaxOps
	c.EnableGRPCGateway = false
	c.LogLevel = "panic"
	c.LogOutputs = []string{"/dev/null"}
	return c
}

package etcdserver

import (
	"context"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/lanyard-project/lanyard/internal/store"
)

const (
	startTimeout = 60 * time.Second
	stopTimeout  = 20 * time.Second
	pollInterval = 50 * time.Millisecond
	// watchInterval is how soon a dead etcd is noticed. It may be no child of ours
	// (adopted), so its lock is looked at instead of waiting for it.
	watchInterval = 500 * time.Millisecond
	renewInterval = 12 * time.Hour
)

// Options say where etcd lives.
type Options struct {
	DataDir    string   // absolute; made with mode 0700
	RunDir     string   // absolute and short (a socket's path is limited); made with mode 0700
	Executable string   // our own binary, usually os.Executable()
	Arguments  []string // arguments before --data-dir; empty means Command
	Log        *slog.Logger
}

// Server is the etcd of this machine. Close leaves it running, Stop ends it.
type Server struct {
	options   Options
	paths     paths
	authority *authority
	root      *clientv3.Client
	adopted   bool

	stopWatching context.CancelFunc
	watching     sync.WaitGroup

	mu    sync.Mutex
	users map[string]bool // whose certificates we renew
}

// Start adopts the etcd that runs on the folders, or starts one, and waits until
// it answers. It is then watched, and started again if it dies, until Close or Stop.
func Start(ctx context.Context, o Options) (*Server, error) {
	if len(o.Arguments) == 0 {
		o.Arguments = []string{Command}
	}
	s := &Server{options: o, paths: paths{data: o.DataDir, run: o.RunDir}, users: map[string]bool{}}
	if err := s.paths.make(); err != nil {
		return nil, fmt.Errorf("preparing etcd's folders: %w", err)
	}
	var err error
	if s.authority, err = loadAuthority(s.paths); err != nil {
		return nil, err
	}
	if err := s.renew(); err != nil {
		return nil, err
	}
	if s.adopted, err = s.launch(ctx); err != nil {
		return nil, err
	}
	if err := s.signIn(ctx); err != nil {
		return nil, err
	}
	watchCtx, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stopWatching = stop
	s.watching.Go(func() { s.watch(watchCtx) })
	s.options.Log.Info("etcd is ready", "adopted", s.adopted, "socket", s.paths.socket())
	return s, nil
}

// Adopted reports whether etcd was already running.
func (s *Server) Adopted() bool { return s.adopted }

// Store opens a store as the given user.
func (s *Server) Store(user string) (*store.Store, error) { return s.paths.open(user) }

// Credentials say how the user (see EnsureUser) signs in.
func (s *Server) Credentials(user string) Credentials { return s.paths.credentials(user) }

// Close stops watching etcd and leaves it running for the next Start.
func (s *Server) Close() error {
	s.stopWatching()
	s.watching.Wait()
	return s.root.Close()
}

// Stop ends etcd and waits until it is gone.
func (s *Server) Stop(ctx context.Context) error {
	if err := s.Close(); err != nil {
		s.options.Log.Warn("closing the connection to etcd failed", "error", err)
	}
	return stopProcess(ctx, s.paths)
}

// signIn connects as root, by its certificate, and turns etcd's auth on.
func (s *Server) signIn(ctx context.Context) error {
	var err error
	if s.root, err = connect(s.paths); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := s.enableAuth(ctx); err != nil {
		_ = s.root.Close()
		return err
	}
	return nil
}

// renew makes or renews the server's and the known users' certificates.
func (s *Server) renew() error {
	if err := s.authority.ensure(s.paths.pair(serverName), serverName, x509.ExtKeyUsageServerAuth); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users[rootUser] = true
	for user := range s.users {
		if err := s.authority.ensure(s.paths.pair(userFile(user)), user, x509.ExtKeyUsageClientAuth); err != nil {
			return err
		}
	}
	return nil
}

// watch is the parent's duty: an etcd that died is started again, certificates
// are renewed in time.
func (s *Server) watch(ctx context.Context) {
	look, renewal := time.NewTicker(watchInterval), time.NewTicker(renewInterval)
	defer look.Stop()
	defer renewal.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-renewal.C:
			if err := s.renew(); err != nil {
				s.options.Log.Error("renewing etcd's certificates failed", "error", err)
			}
		case <-look.C:
			if pid, err := holder(s.paths.lock()); err != nil || pid != 0 {
				continue
			}
			s.options.Log.Error("etcd died, starting it again", "output", tail(s.paths.crash()), "log", s.paths.log())
			if _, err := s.launch(ctx); err != nil && ctx.Err() == nil {
				s.options.Log.Error("starting etcd again failed", "error", err)
			}
		}
	}
}

// tail is the end of what a dead etcd printed.
func tail(path string) string {
	const most = 2000
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return string(text[max(0, len(text)-most):])
}

package etcdserver

import (
	"errors"
	"fmt"

	"github.com/lanyard-project/lanyard/internal/store"
)

// ErrNotRunning says that no etcd works on the folders.
var ErrNotRunning = errors.New("etcd isn't running")

// OpenRunning opens a store as the given user, one that EnsureUser made before, of
// the etcd that runs on the folders, whoever started it: what an administrator's
// command beside the service works on. Without one it returns ErrNotRunning.
func OpenRunning(dataDir, runDir, user string) (*store.Store, error) {
	p := paths{data: dataDir, run: runDir}
	if err := running(p); err != nil {
		return nil, err
	}
	return p.open(user)
}

func running(p paths) error {
	pid, err := holder(p.lock())
	if err != nil {
		return fmt.Errorf("looking for a running etcd: %w", err)
	}
	if pid == 0 {
		return ErrNotRunning
	}
	return nil
}

func (p paths) open(user string) (*store.Store, error) {
	credentials := p.credentials(user)
	config, err := credentials.TLS()
	if err != nil {
		return nil, err
	}
	return store.Open(store.Config{Endpoints: credentials.Endpoints, TLS: config})
}

package containerservice

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"syscall"
)

// relays are the loopback listeners behind which the API servers are found on this machine. A cluster's VNet has no
// link to the machine's own network, so this is the only way in from the host.
type relays struct {
	ctx    context.Context // ends all relays; the provider's own, since a relay outlives the step that starts it
	engine Engine
	log    *slog.Logger

	mu      sync.Mutex
	running map[string]*relay
}

type relay struct {
	port   int
	cancel context.CancelFunc
	done   chan struct{}
}

// ensure relays a loopback port to the cluster's API server and returns it: the wanted one if there is one and it's
// free, so that kubeconfigs that were handed out stay good after a restart.
func (r *relays) ensure(cluster string, wanted int) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if one, ok := r.running[cluster]; ok {
		select {
		case <-one.done: // it ended of its own accord: start another one
			wanted = one.port
		default:
			return one.port, nil
		}
	}
	listener, err := r.listen(wanted)
	if wanted != 0 && errors.Is(err, syscall.EADDRINUSE) {
		r.log.Warn("a cluster's loopback port is taken: kubeconfigs that name it have to be fetched again", "cluster", cluster, "port", wanted)
		listener, err = r.anywhere()
	}
	if err != nil {
		return 0, fmt.Errorf("listening for the API server: %w", err)
	}
	ctx, cancel := context.WithCancel(r.ctx)
	one := &relay{port: listener.Addr().(*net.TCPAddr).Port, cancel: cancel, done: make(chan struct{})}
	r.running[cluster] = one
	go func() {
		defer close(one.done)
		if err := r.engine.RelayAPIServer(ctx, cluster, listener); err != nil {
			r.log.Error("relaying to an API server ended", "cluster", cluster, "error", err)
		}
	}()
	return one.port, nil
}

// The kernel gives connections that go out ports of 32768 and above, unless told otherwise: one of those, chosen for a
// cluster, could be somebody else's by the time this process has been started again.
const (
	lowestPort = 20000
	beyondPort = 32768
	portTries  = 100
)

func (r *relays) listen(port int) (net.Listener, error) {
	if port == 0 {
		return r.anywhere()
	}
	var config net.ListenConfig
	return config.Listen(r.ctx, "tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
}

// anywhere listens on a free port that stays free while nobody listens on it, and on any if there is none.
func (r *relays) anywhere() (net.Listener, error) {
	for range portTries {
		listener, err := r.listen(lowestPort + rand.N(beyondPort-lowestPort)) //nolint:gosec // no secret
		if !errors.Is(err, syscall.EADDRINUSE) {
			return listener, err
		}
	}
	var config net.ListenConfig
	return config.Listen(r.ctx, "tcp4", "127.0.0.1:0")
}

// end stops a cluster's relay and waits until it is gone.
func (r *relays) end(cluster string) {
	r.mu.Lock()
	one, ok := r.running[cluster]
	delete(r.running, cluster)
	r.mu.Unlock()
	if ok {
		one.cancel()
		<-one.done
	}
}

// wait returns when all relays have ended, after the context did.
func (r *relays) wait() {
	r.mu.Lock()
	all := make([]*relay, 0, len(r.running))
	for _, one := range r.running {
		all = append(all, one)
	}
	r.mu.Unlock()
	for _, one := range all {
		<-one.done
	}
}

func serverURL(port int) string { return "https://127.0.0.1:" + strconv.Itoa(port) }

package serve

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/node/attest"
	"github.com/lanyard-project/lanyard/internal/node/pods"
	"github.com/lanyard-project/lanyard/internal/node/wire"
)

type connectionKey struct{}

// connection is what is known about a TCP connection from the moment it was accepted. One request at a time uses it.
type connection struct {
	origin pods.Binding
	failed error

	// what every line of the audit log says about the caller, written once for each sandbox that the connection proved to be
	sandbox string
	audit   *slog.Logger
}

// connectionOf gives a request's connection.
func connectionOf(ctx context.Context) *connection {
	if known, ok := ctx.Value(connectionKey{}).(*connection); ok {
		return known
	}
	return &connection{failed: errors.New("the connection is not known")}
}

// auditFor gives the log for what a sandbox does on the connection; the zero sandbox is nobody.
func (c *connection) auditFor(audit *slog.Logger, sandbox pods.Sandbox) *slog.Logger {
	if c.audit != nil && c.sandbox == sandbox.ID {
		return c.audit
	}
	c.sandbox, c.audit = sandbox.ID, audit.With("address", c.origin.Address.String(), "interface", c.origin.Interface)
	if c.origin.Group != 0 {
		c.audit = c.audit.With("cgroup", c.origin.Group)
	}
	if sandbox.UID != "" {
		c.audit = c.audit.With("namespace", sandbox.Namespace, "pod", sandbox.Name, "uid", sandbox.UID)
	}
	return c.audit
}

// Crowd bounds connections.
type Crowd struct{ PerOrigin, InAll int }

// guest is who a connection counts for: a pod, where its containers' cgroups prove it and each is an origin of its own,
// and the origin otherwise.
type guest struct {
	origin pods.Binding
	pod    string // UID
}

// doorkeeper lets connections in, so many of each guest and no more: a pod that opens thousands takes none from the others.
type doorkeeper struct {
	most    Crowd
	pod     func(pods.Binding) (pods.Sandbox, bool)
	refused func()

	mu    sync.Mutex
	in    map[guest]int
	total int
}

// accepted is for [wire.Server.Accepted].
func (d *doorkeeper) accepted(ctx context.Context, conn net.Conn) (context.Context, func(), bool) {
	origin, err := attest.Origin(conn)
	leave, ok := d.enter(origin)
	if !ok {
		d.refused()
		return ctx, nil, false
	}
	return context.WithValue(ctx, connectionKey{}, &connection{origin: origin, failed: err}), leave, true
}

func (d *doorkeeper) enter(origin pods.Binding) (leave func(), ok bool) {
	who := guest{origin: origin}
	if origin.Group != 0 {
		if sandbox, known := d.pod(origin); known {
			who = guest{pod: sandbox.UID}
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.in[who] >= d.most.PerOrigin || d.total >= d.most.InAll {
		return nil, false
	}
	d.in[who]++
	d.total++
	return func() { d.leave(who) }, true
}

func (d *doorkeeper) leave(who guest) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.total--
	if d.in[who]--; d.in[who] == 0 {
		delete(d.in, who)
	}
}

// NewServer puts a handler behind limits on everything that a client can drag out; pod says whose a proven origin is.
func NewServer(handler wire.Handler, most Crowd, pod func(pods.Binding) (pods.Sandbox, bool), metrics *Metrics, clk clock.PassiveClock, log *slog.Logger) *wire.Server {
	keeper := &doorkeeper{most: most, pod: pod, in: map[guest]int{}, refused: metrics.turnedAway.Inc}
	return &wire.Server{
		Handler: handler, Clock: clk, Log: log, Accepted: keeper.accepted,
		Idle: 2 * time.Minute, Patience: 5 * time.Second,
	}
}

package attest

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/node/pods"
)

// Why a caller isn't proven. Each is one value of a metric's label.
var (
	// ErrNotReady: the runtime's pods have not been read yet.
	ErrNotReady = errors.New("the agent does not know this node's pods yet")
	// ErrUnknown: no pod sends from there.
	ErrUnknown = errors.New("the caller is not a pod that this agent can prove")
	// ErrForged: the interface or the address is a pod's, but not both the same pod's.
	ErrForged = errors.New("the source address does not belong to the interface it came from")
	// ErrUnseen: its packets came, but no hook saw the connection begin. A raw socket does that, and a sandbox with a network
	// stack of its own.
	ErrUnseen = errors.New("no hook saw the pod connect")
	// ErrNew: the pod has just become known; its next connection will be proven.
	ErrNew = errors.New("the pod has only just become known")
)

// Sandboxes is what a prover asks about pods.
type Sandboxes interface {
	At(pods.Binding) (pods.Sandbox, bool)
	Known(pods.Binding) (iface, address bool)
	Changed() <-chan struct{}
	Synced() bool
}

// Prover tells whose connections are.
type Prover struct {
	Sandboxes Sandboxes
	// Refresh asks for the runtime's pods to be read again.
	Refresh func()
	Clock   clock.Clock
	// Patience is how long a stranger is held while the runtime is asked.
	Patience time.Duration
	// Shared says that an interface is that of many pods: a bridge.
	Shared bool
	// ByGroup says that the redirect lets nobody through by bindings.
	ByGroup bool

	settling atomic.Int32
	reached  atomic.Bool
}

// Reached reports whether any pod with a network of its own has been proven yet. If none ever is, the network may lead pods past
// the agent.
func (p *Prover) Reached() bool { return p.reached.Load() }

// Caller gives the pod behind a connection to the proven port, or to the local one.
func (p *Prover) Caller(origin pods.Binding) (pods.Sandbox, error) {
	sandbox, ok := p.Sandboxes.At(origin)
	switch {
	case ok:
		if !sandbox.HostNetwork {
			p.reached.Store(true)
		}
		return sandbox, nil
	case origin.Group != 0:
		return p.settle(origin)
	}
	return pods.Sandbox{}, p.doubt(origin)
}

// settle asks the runtime about a socket's group that nobody owns: a pod in the node's network is let in by no rule that would
// have to know it first, so it may be just too new.
func (p *Prover) settle(origin pods.Binding) (pods.Sandbox, error) {
	const most = 32
	if p.settling.Add(1) > most {
		p.settling.Add(-1)
		return pods.Sandbox{}, ErrNotReady
	}
	defer p.settling.Add(-1)
	timeout := p.Clock.NewTimer(p.Patience)
	defer timeout.Stop()
	p.Refresh()
	for {
		changed := p.Sandboxes.Changed()
		if sandbox, ok := p.Sandboxes.At(origin); ok {
			if !sandbox.HostNetwork {
				p.reached.Store(true)
			}
			return sandbox, nil
		}
		select {
		case <-changed:
		case <-timeout.C():
			if !p.Sandboxes.Synced() {
				return pods.Sandbox{}, ErrNotReady
			}
			return pods.Sandbox{}, ErrUnknown
		}
	}
}

// Still reports whether a connection still belongs to the same life of the same pod.
func (p *Prover) Still(origin pods.Binding, sandbox pods.Sandbox) bool {
	now, ok := p.Sandboxes.At(origin)
	return ok && now.ID == sandbox.ID && now.UID == sandbox.UID
}

// Stranger says why a connection to the unproven port isn't proven. If the pod may just be too new, it asks the runtime
// and waits a little, so that ErrNew and ErrUnknown can be told apart. It never gives a pod: what came in on the unproven
// port stays unproven.
func (p *Prover) Stranger(ctx context.Context, origin pods.Binding) error {
	timeout := p.Clock.NewTimer(p.Patience)
	defer timeout.Stop()
	for asked := false; ; {
		changed := p.Sandboxes.Changed()
		if _, ok := p.Sandboxes.At(origin); ok {
			if p.ByGroup {
				return ErrUnseen
			}
			return ErrNew
		}
		err := p.doubt(origin) // also what looks forged may be a pod that got an address before the last news of its former owner
		if !asked {
			p.Refresh()
			asked = true
		}
		select {
		case <-changed:
		case <-timeout.C():
			return err
		case <-ctx.Done():
			return fmt.Errorf("waiting for the pod to become known: %w", ctx.Err())
		}
	}
}

func (p *Prover) doubt(origin pods.Binding) error {
	if !p.Sandboxes.Synced() {
		return ErrNotReady
	}
	if iface, address := p.Sandboxes.Known(origin); iface && !p.Shared || address {
		return ErrForged
	}
	return ErrUnknown
}

package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/lanyard-project/lanyard/internal/node/attest"
	"github.com/lanyard-project/lanyard/internal/node/hook"
	"github.com/lanyard-project/lanyard/internal/node/pods"
)

// Attestation is the way in which callers are proven. It is chosen by the operator and nothing falls back to the other.
type Attestation string

// The ways.
const (
	// ByBinding: by the interface and address that packets come from; in the node's network by the socket's cgroup.
	ByBinding Attestation = "binding"
	// ByEBPF: by the cgroup in which the connection began, as noted by hooks in the kernel.
	ByEBPF Attestation = "ebpf"
)

// listenByGroup listens for pods whose cgroup proves them: those in the node's network, or all, if hooks lead them here.
func listenByGroup(ctx context.Context, c Config, sandboxes *pods.Sandboxes) (net.Listener, error) {
	port, group, done, err := c.groups(sandboxes)
	if err != nil {
		return nil, err
	}
	listener, err := attest.Listen(ctx, netip.AddrPortFrom(c.Agent, port), c.Hops)
	if err != nil {
		done()
		return nil, err
	}
	context.AfterFunc(ctx, done)
	return attest.ByGroup{Listener: listener, Group: group}, nil
}

// groups gives the port, and who is asked for the cgroup behind a connection to it.
func (c Config) groups(sandboxes *pods.Sandboxes) (port uint16, group func(netip.AddrPort) (uint64, error), done func(), err error) {
	if c.Attestation == ByEBPF {
		hooks, err := c.openHooks()
		if err != nil {
			return 0, nil, nil, err
		}
		group = func(from netip.AddrPort) (uint64, error) { return hooks.Group(from, sandboxes.GroupsOf) }
		return c.HookedPort, group, hooks.Close, nil
	}
	sockets, err := attest.OpenSockets()
	if err != nil {
		return 0, nil, nil, err
	}
	group = func(from netip.AddrPort) (uint64, error) { return sockets.Group(from, c.Metadata) }
	return c.LocalPort, group, func() { _ = sockets.Close() }, nil
}

// installHooks puts the hooks in place, on the group above all pods.
func installHooks(c Config, cgroup string) error {
	return hook.Install(hook.Config{
		Folder: c.HookFolder, Cgroup: cgroup, Metadata: c.Metadata, Agent: netip.AddrPortFrom(c.Agent, c.HookedPort),
	})
}

func (c Config) openHooks() (*hook.Hooks, error) {
	config, err := c.openConfig()
	if err != nil {
		return nil, err
	}
	hooks, err := hook.Open(c.HookFolder, config.Self.ID)
	if errors.Is(err, hook.ErrNotInstalled) {
		return nil, fmt.Errorf("%w: run \"nmi rules\" first, with the right to (CAP_BPF)", err)
	}
	return hooks, err
}

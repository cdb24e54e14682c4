package attest

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/lanyard-project/lanyard/internal/node/pods"
)

// ByGroup is a listener for connections that are proven by the cgroup in which they began: those from the node's own network,
// whose pods share one address, and those that a hook in the kernel led here.
type ByGroup struct {
	net.Listener
	// Group asks the kernel for the cgroup behind a connection's other end.
	Group func(from netip.AddrPort) (uint64, error)
}

// Accept gives connections for [Origin].
func (l ByGroup) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err // net's own, which servers look at
	}
	return groupConn{Conn: conn, group: l.Group}, nil
}

type groupConn struct {
	net.Conn
	group func(netip.AddrPort) (uint64, error)
}

func (c groupConn) origin() (pods.Binding, error) {
	from, err := netip.ParseAddrPort(c.RemoteAddr().String())
	if err != nil {
		return pods.Binding{}, fmt.Errorf("reading the source address: %w", err)
	}
	origin := pods.Binding{Address: from.Addr().Unmap()}
	origin.Group, err = c.group(from)
	return origin, err
}

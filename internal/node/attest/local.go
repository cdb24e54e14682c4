package attest

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/lanyard-project/lanyard/internal/node/pods"
)

// Local is a listener for connections from the node's own network namespace, whose pods share one address: the socket at the
// other end tells by its cgroup whose it is.
type Local struct {
	net.Listener
	Sockets *Sockets
	// Metadata is where those sockets believe themselves connected.
	Metadata netip.AddrPort
}

// Accept gives connections for [Origin].
func (l Local) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err // net's own, which servers look at
	}
	return localConn{Conn: conn, listener: l}, nil
}

type localConn struct {
	net.Conn
	listener Local
}

func (c localConn) origin() (pods.Binding, error) {
	from, err := netip.ParseAddrPort(c.RemoteAddr().String())
	if err != nil {
		return pods.Binding{}, fmt.Errorf("reading the source address: %w", err)
	}
	origin := pods.Binding{Address: from.Addr().Unmap()}
	origin.Group, err = c.listener.Sockets.Group(from, c.listener.Metadata)
	return origin, err
}

package broker

import (
	"net"
	"sync"

	"github.com/lanyard-project/lanyard/internal/brokerapi"
)

const (
	// an agent that was replaced may not have hung up yet
	connectionsPerAddress = 2 * brokerapi.ConnectionsPerNode
	connectionsInAll      = 4096
)

// Door is a listener that lets so many connections of one address in, and so many in all; others are closed at once. Every pod of
// the cluster reaches the broker, and must not take it from the agents.
type Door struct {
	net.Listener

	mu    sync.Mutex
	in    map[string]int
	total int
}

// NewDoor puts a door before a listener.
func NewDoor(listener net.Listener) *Door { return &Door{Listener: listener, in: map[string]int{}} }

// Accept gives the next connection that is let in.
func (d *Door) Accept() (net.Conn, error) {
	for {
		conn, err := d.Listener.Accept()
		if err != nil {
			return nil, err // net's own, which servers look at
		}
		address, _, _ := net.SplitHostPort(conn.RemoteAddr().String())
		if d.enter(address) {
			return &guest{Conn: conn, leave: sync.OnceFunc(func() { d.leave(address) })}, nil
		}
		_ = conn.Close()
	}
}

func (d *Door) enter(address string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.in[address] >= connectionsPerAddress || d.total >= connectionsInAll {
		return false
	}
	d.in[address]++
	d.total++
	return true
}

func (d *Door) leave(address string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.total--
	if d.in[address]--; d.in[address] == 0 {
		delete(d.in, address)
	}
}

// guest is a connection that was let in.
type guest struct {
	net.Conn
	leave func()
}

// Close closes it and makes room.
func (g *guest) Close() error {
	g.leave()
	return g.Conn.Close()
}

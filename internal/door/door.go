// Package door bounds how many connections a listener lets in: so many of one
// address, and so many in all.
//
// It stands below every server that pods and nodes reach, which all of them share:
// one that crowds the door must not take it from the others. It guarantees that a
// connection beyond a bound is closed before anything of it is read. It doesn't
// bound what a connection that was let in asks for, nor for how long it stays.
package door

import (
	"net"
	"sync"
)

// Door is a listener with bounds.
type Door struct {
	net.Listener
	perAddress, inAll int

	mu    sync.Mutex
	in    map[string]int
	total int
}

// New puts a door before a listener.
func New(listener net.Listener, perAddress, inAll int) *Door {
	return &Door{Listener: listener, perAddress: perAddress, inAll: inAll, in: map[string]int{}}
}

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
	if d.in[address] >= d.perAddress || d.total >= d.inAll {
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

//go:build linux

package edge_test

import (
	"net"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lanyard-project/lanyard/internal/edge"
)

// TestConnectionsOfThisMachineAreNotPaced: whatever the machine's default is, what is
// accepted has the listener's choice.
func TestConnectionsOfThisMachineAreNotPaced(t *testing.T) {
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if err := edge.Unpaced(listener); err != nil {
		t.Fatal(err)
	}
	client, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	accepted, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	raw, err := accepted.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var chosen string
	if failed := raw.Control(func(fd uintptr) { chosen, err = unix.GetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION) }); failed != nil || err != nil {
		t.Fatal(failed, err)
	}
	if chosen != "reno" {
		t.Errorf("an accepted connection is paced by %q", chosen)
	}
}

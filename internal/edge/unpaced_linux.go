package edge

import (
	"fmt"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// congestion is in every kernel, and everybody may choose it.
const congestion = "reno"

// Unpaced has a listener's connections send as fast as they are read from. It is for
// listeners whose clients are on this machine, in its own network or in one of ours: a
// machine that paces its connections by default, as with BBR, does so between its own
// processes as well, and an image takes several times as long.
func Unpaced(listener net.Listener) error {
	socket, ok := listener.(syscall.Conn)
	if !ok {
		return fmt.Errorf("a listener of type %T has no socket", listener)
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return fmt.Errorf("choosing how connections are paced: %w", err)
	}
	var failed error
	if err := raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION, congestion) // what is accepted inherits it
	}); err != nil {
		failed = err
	}
	if failed != nil {
		return fmt.Errorf("choosing how connections are paced: %w", failed)
	}
	return nil
}

package attest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/lanyard-project/lanyard/internal/node/pods"
)

// Listen opens a TCP listener whose connections can be asked where they came from. hops is how many routers an answer may pass, the
// last one being its reader: with 1 it reaches pods and nobody behind them. 0 is as many as the system allows.
func Listen(ctx context.Context, address netip.AddrPort, hops int) (net.Listener, error) {
	config := net.ListenConfig{
		Control: func(_, _ string, raw syscall.RawConn) error {
			var failed error
			err := raw.Control(func(fd uintptr) {
				failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
				if failed == nil && hops > 0 {
					failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_TTL, hops)
				}
			})
			return errors.Join(err, failed)
		},
	}
	config.SetMultipathTCP(false) // its sockets don't answer IP_PKTOPTIONS
	listener, err := config.Listen(ctx, "tcp4", address.String())
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w", address, err)
	}
	return listener, nil
}

// Origin says where an accepted connection came from: by the interface of its first packet and its source address, or by the
// cgroup of the socket at its other end, as the listener has it.
func Origin(conn net.Conn) (pods.Binding, error) {
	if group, ok := conn.(groupConn); ok {
		return group.origin()
	}
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return pods.Binding{}, errors.New("not a TCP connection")
	}
	remote, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil {
		return pods.Binding{}, fmt.Errorf("reading the source address: %w", err)
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return pods.Binding{}, fmt.Errorf("reaching the socket: %w", err)
	}
	var iface int
	var failed error
	if err := raw.Control(func(fd uintptr) { iface, failed = firstInterface(int(fd)) }); err != nil {
		return pods.Binding{}, fmt.Errorf("reaching the socket: %w", err)
	}
	if failed != nil {
		return pods.Binding{}, failed
	}
	return pods.Binding{Interface: iface, Address: remote.Addr().Unmap()}, nil
}

// firstInterface reads the index of the interface on which the connection's first packet came in.
func firstInterface(fd int) (int, error) {
	var buffer [128]byte
	length := uint32(len(buffer))
	// x/sys has no wrapper for this option
	_, _, errno := syscall.Syscall6(syscall.SYS_GETSOCKOPT, uintptr(fd), unix.IPPROTO_IP, unix.IP_PKTOPTIONS,
		uintptr(unsafe.Pointer(&buffer[0])), uintptr(unsafe.Pointer(&length)), 0) //nolint:gosec // the kernel's interface
	if errno != 0 {
		return 0, fmt.Errorf("asking for the connection's interface: %w", errno)
	}
	messages, err := unix.ParseSocketControlMessage(buffer[:length])
	if err != nil {
		return 0, fmt.Errorf("reading the connection's interface: %w", err)
	}
	for _, message := range messages {
		header := message.Header
		if header.Level == unix.IPPROTO_IP && header.Type == unix.IP_PKTINFO && len(message.Data) >= 4 {
			return int(binary.NativeEndian.Uint32(message.Data)), nil
		}
	}
	return 0, errors.New("the kernel doesn't tell the connection's interface")
}

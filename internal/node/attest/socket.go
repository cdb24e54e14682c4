package attest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Sockets asks the kernel about sockets of the process's network namespace (sock_diag). Reading takes no right. It is safe for
// concurrent use.
type Sockets struct{ conn *netlink.Conn }

// OpenSockets opens it.
func OpenSockets() (*Sockets, error) {
	conn, err := netlink.Dial(unix.NETLINK_SOCK_DIAG, nil)
	if err != nil {
		return nil, fmt.Errorf("opening sock_diag: %w", err)
	}
	return &Sockets{conn: conn}, nil
}

// Close closes it.
func (s *Sockets) Close() error { return s.conn.Close() }

const (
	diagByFamily = 20 // SOCK_DIAG_BY_FAMILY
	diagCgroup   = 21 // INET_DIAG_CGROUP_ID
	diagRequest  = 56 // struct inet_diag_req_v2
	diagAnswer   = 72 // struct inet_diag_msg
	diagNoCookie = 0xffffffff
)

// ErrNoSocket says that no connected socket has the addresses.
var ErrNoSocket = errors.New("no socket of the node has these addresses")

// Group gives the cgroup (version 2) in which the TCP socket was made that is connected from one address to the other. The four
// numbers name one socket; one that is only trying to connect doesn't count, as it isn't the other end of a connection that
// was accepted: whoever binds a socket to an interface can have the same numbers as another's attempt.
func (s *Sockets) Group(from, to netip.AddrPort) (uint64, error) {
	request := make([]byte, diagRequest)
	request[0], request[1] = unix.AF_INET, unix.IPPROTO_TCP // finds mapped IPv6 sockets too
	binary.NativeEndian.PutUint32(request[4:], diagNoCookie)
	binary.BigEndian.PutUint16(request[8:], from.Port())
	binary.BigEndian.PutUint16(request[10:], to.Port())
	copy(request[12:], from.Addr().Unmap().AsSlice())
	copy(request[28:], to.Addr().Unmap().AsSlice())
	binary.NativeEndian.PutUint32(request[48:], diagNoCookie)
	binary.NativeEndian.PutUint32(request[52:], diagNoCookie)
	answers, err := s.conn.Execute(netlink.Message{
		Header: netlink.Header{Type: diagByFamily, Flags: netlink.Request}, Data: request,
	})
	switch {
	case errors.Is(err, unix.ENOENT):
		return 0, ErrNoSocket
	case err != nil:
		return 0, fmt.Errorf("asking for a socket: %w", err)
	case len(answers) != 1 || len(answers[0].Data) < diagAnswer:
		return 0, errors.New("asking for a socket: the kernel's answer can't be read")
	}
	return readSocket(answers[0].Data)
}

// The kernel's numbers of TCP states.
const (
	established = 1
	finWait1    = 4 // the client has said all it had to say
	finWait2    = 5
	closeWait   = 8
)

func readSocket(data []byte) (uint64, error) {
	switch data[1] {
	case established, finWait1, finWait2, closeWait:
	default:
		return 0, ErrNoSocket
	}
	attributes, err := netlink.NewAttributeDecoder(data[diagAnswer:])
	if err != nil {
		return 0, fmt.Errorf("reading a socket: %w", err)
	}
	for attributes.Next() {
		if attributes.Type() == diagCgroup {
			if group := attributes.Uint64(); group != 0 {
				return group, nil
			}
		}
	}
	if err := attributes.Err(); err != nil {
		return 0, fmt.Errorf("reading a socket: %w", err)
	}
	return 0, errors.New("the kernel doesn't tell the socket's cgroup (Linux 5.9 or later does)")
}

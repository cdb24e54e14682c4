package attest_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/lanyard-project/lanyard/internal/node/attest"
	"github.com/lanyard-project/lanyard/internal/node/redirect"
)

// ownGroup is the cgroup of this process, by the file system and not by the kernel's sockets.
func ownGroup(t *testing.T) uint64 {
	t.Helper()
	mount, err := redirect.CgroupMount()
	if err != nil {
		t.Fatal(err)
	}
	own, err := redirect.OwnCgroup()
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(mount, own))
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Ino
}

func TestSocketTellsItsGroup(t *testing.T) {
	sockets, err := attest.OpenSockets()
	if err != nil {
		t.Fatal(err)
	}
	defer sockets.Close()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	to := netip.MustParseAddrPort(listener.Addr().String())
	for name, target := range map[string]string{"IPv4": to.String(), "mapped": "[::ffff:127.0.0.1]" + to.String()[strings.LastIndex(to.String(), ":"):]} {
		conn, err := new(net.Dialer).DialContext(context.WithoutCancel(t.Context()), "tcp", target)
		if err != nil {
			t.Fatal(err)
		}
		accepted, err := listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		from := netip.MustParseAddrPort(accepted.RemoteAddr().String())
		if got, err := sockets.Group(from, to); err != nil || got != ownGroup(t) {
			t.Errorf("%s: group %d, %v, want %d", name, got, err, ownGroup(t))
		}
		_ = conn.Close()
		_ = accepted.Close()
		if got, err := sockets.Group(from, to); !errors.Is(err, attest.ErrNoSocket) {
			t.Errorf("%s, closed: group %d, %v, want none", name, got, err)
		}
	}
}

// Package loopbacktest finds addresses for programs that a test starts and that
// can't be handed a listener.
package loopbacktest

import (
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"testing"
)

// The kernel gives connections that go out ports of 32768 and above, unless told
// otherwise. Below it nobody takes a port between its choice here and its use.
const lowest, beyond = 20000, 30000

// Free is an address of 127.0.0.1, "127.0.0.1:23456", where nobody listens by TCP
// or UDP.
func Free(t testing.TB) string {
	t.Helper()
	address, err := free(t)
	if err != nil {
		t.Fatalf("no free port on 127.0.0.1: %v", err)
	}
	return address
}

func free(t testing.TB) (address string, err error) {
	var config net.ListenConfig
	for range 100 {
		port := uint16(lowest + rand.N(beyond-lowest)) //nolint:gosec // neither a secret nor too large
		address = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port).String()
		listener, failed := config.Listen(t.Context(), "tcp4", address)
		if failed != nil {
			err = failed
			continue
		}
		packets, failed := config.ListenPacket(t.Context(), "udp4", address)
		if failed != nil {
			err = errors.Join(failed, listener.Close())
			continue
		}
		return address, errors.Join(listener.Close(), packets.Close())
	}
	return "", err
}

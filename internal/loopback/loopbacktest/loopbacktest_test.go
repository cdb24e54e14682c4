package loopbacktest_test

import (
	"net"
	"net/netip"
	"testing"

	"github.com/lanyard-project/lanyard/internal/loopback/loopbacktest"
)

func TestFree(t *testing.T) {
	address := loopbacktest.Free(t)
	if port := netip.MustParseAddrPort(address).Port(); port >= 32768 {
		t.Errorf("%s is a port that outgoing connections are given", address)
	}
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp4", address)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	packets, err := config.ListenPacket(t.Context(), "udp4", address)
	if err != nil {
		t.Fatal(err)
	}
	defer packets.Close()
}

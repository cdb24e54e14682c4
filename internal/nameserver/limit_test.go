package nameserver

import (
	"net"
	"net/netip"
	"testing"
	"time"
)

// One pod that asks without end must not take the server from the others.
func TestOneAskerIsLimited(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	l := newLimit(func() time.Time { return now })
	from := func(n uint32) net.Addr {
		a := netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)})
		return net.UDPAddrFromAddrPort(netip.AddrPortFrom(a, uint16(1024+n%1000)))
	}
	for i := range questionsAtOnce {
		if !l.allow(from(1)) {
			t.Fatalf("question %d is refused", i)
		}
	}
	if l.allow(&net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 5}) {
		t.Error("another port and protocol is another asker")
	}
	if !l.allow(from(2)) {
		t.Error("another address is refused as well")
	}
	now = now.Add(time.Second)
	for i := range questionsPerSecond {
		if !l.allow(from(1)) {
			t.Fatalf("a second later question %d is refused", i)
		}
	}
	if l.allow(from(1)) {
		t.Error("there is no limit after a second")
	}
	for n := range uint32(3 * mostAskers) { // addresses can't be used up, nor memory
		l.allow(from(100 + n))
	}
	if len(l.askers) > mostAskers {
		t.Errorf("%d askers are remembered", len(l.askers))
	}
	now = now.Add(time.Minute)
	if !l.allow(from(1)) || !l.allow(from(99999)) {
		t.Error("somebody is refused a minute later")
	}
}

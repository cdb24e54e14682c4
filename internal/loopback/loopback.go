// Package loopback says under which address of this machine a public address of
// the cloud is found. It is pure, and shared by lanyardd, which listens there, and
// the command line, which shows it.
package loopback

import "net/netip"

// Of is the loopback address that stands for a public one: 127 in front of its
// last three numbers, so that 198.18.3.4 is 127.18.3.4. The whole of 127.0.0.0/8
// is every machine's own without anybody setting it up.
func Of(public netip.Addr) netip.Addr {
	a := public.Unmap()
	if !a.Is4() {
		return netip.Addr{}
	}
	b := a.As4()
	b[0] = 127
	return netip.AddrFrom4(b)
}

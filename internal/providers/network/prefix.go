package network

import (
	"net/netip"
)

// maxSubnetBits leaves a subnet three addresses after the reserved ones.
const maxSubnetBits = 29

// parsePrefix reads an address prefix as the service wants it: the address is
// the network's own, without host bits.
func parsePrefix(owner, text string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(text)
	if err != nil || p.Addr().Is4In6() {
		return netip.Prefix{}, invalidCIDR(text, owner)
	}
	if p != p.Masked() {
		return netip.Prefix{}, hostBits(text, owner, p.Masked())
	}
	return p, nil
}

// platform are the ranges that no virtual network may have: the platform's own
// addresses in it (metadata, resource manager), loopback, multicast, broadcast.
func platform() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("168.63.129.16/32"), netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("127.0.0.0/8"),
		netip.MustParsePrefix("224.0.0.0/4"), netip.MustParsePrefix("255.255.255.255/32"), netip.MustParsePrefix("0.0.0.0/8"),
	}
}

func overlapsAny(p netip.Prefix, others []netip.Prefix) bool {
	for _, o := range others {
		if p.Overlaps(o) {
			return true
		}
	}
	return false
}

// covered reports whether one of the spaces holds the whole prefix.
func covered(p netip.Prefix, spaces []netip.Prefix) bool {
	for _, s := range spaces {
		if s.Bits() <= p.Bits() && s.Contains(p.Addr()) {
			return true
		}
	}
	return false
}

// last is the prefix's highest address.
func last(p netip.Prefix) netip.Addr {
	raw := p.Masked().Addr().AsSlice()
	for i := p.Bits(); i < len(raw)*8; i++ {
		raw[i/8] |= 1 << (7 - i%8)
	}
	addr, _ := netip.AddrFromSlice(raw) // of a valid length by construction
	return addr
}

package federation

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
)

// ErrForbidden says that an issuer is where this service doesn't go.
var ErrForbidden = errors.New("the address is private or reserved")

// special are the networks, beside those that netip.Addr knows, that no issuer of
// the public internet is in.
func special() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"),
		netip.MustParsePrefix("100.64.0.0/10"),    // carrier-grade NAT; metadata services of some clouds
		netip.MustParsePrefix("168.63.129.16/32"), // Azure's platform address, also ours
		netip.MustParsePrefix("192.0.0.0/24"),
		netip.MustParsePrefix("192.0.2.0/24"),
		netip.MustParsePrefix("192.88.99.0/24"),
		netip.MustParsePrefix("198.18.0.0/15"),
		netip.MustParsePrefix("198.51.100.0/24"),
		netip.MustParsePrefix("203.0.113.0/24"),
		netip.MustParsePrefix("240.0.0.0/4"),
		netip.MustParsePrefix("::/96"), // these embed IPv4 addresses
		netip.MustParsePrefix("64:ff9b::/96"),
		netip.MustParsePrefix("64:ff9b:1::/48"),
		netip.MustParsePrefix("2002::/16"),
		netip.MustParsePrefix("2001::/32"),
		netip.MustParsePrefix("100::/64"),
		netip.MustParsePrefix("2001:db8::/32"),
		netip.MustParsePrefix("fec0::/10"),
	}
}

// guard decides about addresses when connections are made.
type guard struct {
	trusted []string // host or host:port, in lower case
	special []netip.Prefix
	dialer  net.Dialer
}

func newGuard(trusted []string) *guard {
	g := &guard{special: special()}
	for _, host := range trusted {
		g.trusted = append(g.trusted, strings.ToLower(host))
	}
	return g
}

// trusts reports whether the configuration names the host: it may be anywhere then.
func (g *guard) trusts(address string) bool {
	address = strings.ToLower(address)
	host, _, err := net.SplitHostPort(address)
	return slices.Contains(g.trusted, address) || err == nil && slices.Contains(g.trusted, host)
}

// dial connects to an address after the one that its name resolved to was looked at.
func (g *guard) dial(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := g.dialer
	if !g.trusts(address) {
		dialer.Control = func(_, resolved string, _ syscall.RawConn) error { return g.check(resolved) }
	}
	return dialer.DialContext(ctx, network, address)
}

func (g *guard) check(resolved string) error {
	at, err := netip.ParseAddrPort(resolved)
	if err != nil {
		return fmt.Errorf("connecting to %s: %w", resolved, err)
	}
	if !g.public(at.Addr()) {
		return fmt.Errorf("connecting to %s: %w", at.Addr(), ErrForbidden)
	}
	return nil
}

func (g *guard) public(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() {
		return false
	}
	return !slices.ContainsFunc(g.special, func(p netip.Prefix) bool { return p.Contains(a) })
}

package vnet

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// routerSysctls make a namespace a router that believes nobody: forwarding on,
// sources only where they are routed, and no second protocol beside IPv4. A new
// namespace inherits what the machine has set, so what has to be off is said too:
// with route_localnet pods reach the daemons on the node's 127.0.0.1 (CVE-2020-8558),
// and a source route leads to the metadata address past the rules of the node.
func routerSysctls() [][2]string {
	return [][2]string{
		{"ipv4/ip_forward", "1"},
		{"ipv4/conf/all/rp_filter", "1"},
		{"ipv4/conf/default/rp_filter", "1"},
		{"ipv4/conf/all/accept_redirects", "0"},
		{"ipv4/conf/default/accept_redirects", "0"},
		{"ipv4/conf/all/accept_local", "0"},
		{"ipv4/conf/default/accept_local", "0"},
		{"ipv4/conf/all/accept_source_route", "0"},
		{"ipv4/conf/default/accept_source_route", "0"},
		{"ipv4/conf/all/route_localnet", "0"},
		{"ipv4/conf/default/route_localnet", "0"},
		{"ipv4/conf/all/send_redirects", "0"},
		{"ipv4/conf/default/send_redirects", "0"},
		{"ipv6/conf/all/disable_ipv6", "1"},
		{"ipv6/conf/default/disable_ipv6", "1"},
	}
}

// Fabric is the router of a VNet.
type Fabric struct {
	Namespace
}

// Ensure makes the namespace of the VNet with the platform's addresses.
func (f Fabric) Ensure() error {
	if err := f.Create(); err != nil {
		return err
	}
	if err := f.setSysctls(routerSysctls()); err != nil {
		return err
	}
	for _, a := range []netip.Addr{Metadata(), Platform()} {
		if err := f.EnsureAddress(a); err != nil {
			return err
		}
	}
	return nil
}

// EnsureAddress puts a platform address on the VNet's loopback interface.
func (f Fabric) EnsureAddress(a netip.Addr) error {
	return f.with(func(h *netlink.Handle) error {
		lo, err := h.LinkByName("lo")
		if err != nil {
			return fmt.Errorf("finding the loopback interface: %w", err)
		}
		if err := h.LinkSetUp(lo); err != nil {
			return fmt.Errorf("bringing up the loopback interface: %w", err)
		}
		if err := h.AddrReplace(lo, hostAddr(a)); err != nil {
			return fmt.Errorf("adding platform address %s: %w", a, err)
		}
		return nil
	})
}

// RemoveAddress takes a platform address away again.
func (f Fabric) RemoveAddress(a netip.Addr) error {
	ok, err := f.Exists()
	if err != nil || !ok {
		return err
	}
	return f.with(func(h *netlink.Handle) error {
		lo, err := h.LinkByName("lo")
		if err != nil {
			return fmt.Errorf("finding the loopback interface: %w", err)
		}
		if err := h.AddrDel(lo, hostAddr(a)); err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) {
			return fmt.Errorf("removing platform address %s: %w", a, err)
		}
		return nil
	})
}

// with opens a route netlink handle whose socket is inside the namespace.
func (n Namespace) with(fn func(*netlink.Handle) error) error {
	ns, err := netns.GetFromPath(n.Path)
	if err != nil {
		return fmt.Errorf("opening network namespace %s: %w", n.Path, err)
	}
	defer ns.Close()
	h, err := netlink.NewHandleAt(ns, unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("opening route netlink in %s: %w", n.Path, err)
	}
	defer h.Close()
	return fn(h)
}

func hostAddr(a netip.Addr) *netlink.Addr {
	return &netlink.Addr{IPNet: ipNet(netip.PrefixFrom(a, a.BitLen()))}
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Masked().Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

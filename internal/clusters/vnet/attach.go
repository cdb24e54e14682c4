package vnet

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Node is a node's place in its VNet.
type Node struct {
	// Key names the node among all nodes of the VNet, for ever.
	Key string
	// Namespace is the node's own network namespace.
	Namespace Namespace
	Address   netip.Addr
	Gateway   netip.Addr
	// PodAddresses are the addresses of the subnet that the node gives to its
	// pods: the VNet routes them to the node.
	PodAddresses netip.Prefix
	// Bridge is set for a node whose pods are on a bridge.
	Bridge bool
}

// link is the name of the VNet side of the node's link; the kernel allows 15
// characters, so the key is hashed.
func (n Node) link() string {
	sum := sha256.Sum256([]byte(n.Key))
	return linkPrefix + hex.EncodeToString(sum[:5])
}

// sysctls are those of the node's namespace. What crosses a bridge has to pass
// the rules of kube-proxy as well: a service's pod may be the caller's neighbour,
// and its answer must be translated back.
func (n Node) sysctls() [][2]string {
	all := routerSysctls()
	if n.Bridge {
		all = append(all, [2]string{"bridge/bridge-nf-call-iptables", "1"})
	}
	return all
}

// Attach makes the node's namespace and hangs it on the fabric.
func (f Fabric) Attach(n Node) error {
	if err := n.Namespace.Create(); err != nil {
		return err
	}
	if err := n.Namespace.setSysctls(n.sysctls()); err != nil {
		return err
	}
	if err := f.ensureLink(n); err != nil {
		return fmt.Errorf("linking node to the virtual network: %w", err)
	}
	if err := f.with(func(h *netlink.Handle) error { return fabricSide(h, n) }); err != nil {
		return fmt.Errorf("routing to node %s: %w", n.Address, err)
	}
	if err := n.Namespace.with(func(h *netlink.Handle) error { return nodeSide(h, n) }); err != nil {
		return fmt.Errorf("routing from node %s: %w", n.Address, err)
	}
	return nil
}

// Detach removes the node's link and namespace. The link goes first: a
// namespace that some socket still holds must not keep an address in the VNet.
func (f Fabric) Detach(n Node) error {
	ok, err := f.Exists()
	if err != nil {
		return err
	}
	if ok {
		err := f.with(func(h *netlink.Handle) error {
			l, err := h.LinkByName(n.link())
			if isNotFound(err) {
				return nil
			}
			if err != nil {
				return err
			}
			return h.LinkDel(l)
		})
		if err != nil {
			return fmt.Errorf("unlinking node from the virtual network: %w", err)
		}
	}
	return n.Namespace.Delete()
}

// ensureLink makes the veth pair from inside the VNet, with its peer born in
// the node, so that no end is ever seen in the machine's own namespace.
func (f Fabric) ensureLink(n Node) error {
	var outside, inside bool
	probe := func(name string, found *bool) func(*netlink.Handle) error {
		return func(h *netlink.Handle) error {
			_, err := h.LinkByName(name)
			if isNotFound(err) {
				return nil
			}
			*found = err == nil
			return err
		}
	}
	if err := f.with(probe(n.link(), &outside)); err != nil {
		return err
	}
	if err := n.Namespace.with(probe(uplink, &inside)); err != nil {
		return err
	}
	if outside && inside {
		return nil
	}
	peer, err := netns.GetFromPath(n.Namespace.Path)
	if err != nil {
		return fmt.Errorf("opening network namespace of the node: %w", err)
	}
	defer peer.Close()
	return f.with(func(h *netlink.Handle) error {
		if outside {
			// The node's namespace was lost and made anew: this end's peer is
			// in a namespace that is going away.
			old, err := h.LinkByName(n.link())
			if err == nil {
				err = h.LinkDel(old)
			}
			if err != nil && !isNotFound(err) {
				return fmt.Errorf("removing the old link: %w", err)
			}
		}
		attrs := netlink.NewLinkAttrs()
		attrs.Name = n.link()
		return h.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: uplink, PeerNamespace: netlink.NsFd(int(peer))})
	})
}

func fabricSide(h *netlink.Handle, n Node) error {
	l, err := h.LinkByName(n.link())
	if err != nil {
		return fmt.Errorf("finding link: %w", err)
	}
	if err := h.AddrReplace(l, hostAddr(n.Gateway)); err != nil {
		return fmt.Errorf("adding gateway address: %w", err)
	}
	if err := h.LinkSetUp(l); err != nil {
		return fmt.Errorf("bringing link up: %w", err)
	}
	routes := []*netlink.Route{{
		LinkIndex: l.Attrs().Index, Dst: hostAddr(n.Address).IPNet, Scope: netlink.SCOPE_LINK, Src: n.Gateway.AsSlice(),
	}}
	if n.PodAddresses.IsValid() {
		routes = append(routes, &netlink.Route{
			LinkIndex: l.Attrs().Index, Dst: ipNet(n.PodAddresses), Gw: n.Address.AsSlice(), Flags: int(netlink.FLAG_ONLINK), Src: n.Gateway.AsSlice(),
		})
	}
	return replaceRoutes(h, routes)
}

func nodeSide(h *netlink.Handle, n Node) error {
	lo, err := h.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("finding the loopback interface: %w", err)
	}
	if err := h.LinkSetUp(lo); err != nil {
		return fmt.Errorf("bringing up the loopback interface: %w", err)
	}
	l, err := h.LinkByName(uplink)
	if err != nil {
		return fmt.Errorf("finding %s: %w", uplink, err)
	}
	if err := h.AddrReplace(l, hostAddr(n.Address)); err != nil {
		return fmt.Errorf("adding node address: %w", err)
	}
	if err := h.LinkSetUp(l); err != nil {
		return fmt.Errorf("bringing %s up: %w", uplink, err)
	}
	routes := []*netlink.Route{
		{LinkIndex: l.Attrs().Index, Dst: hostAddr(n.Gateway).IPNet, Scope: netlink.SCOPE_LINK, Src: n.Address.AsSlice()},
		{LinkIndex: l.Attrs().Index, Dst: ipNet(netip.PrefixFrom(netip.IPv4Unspecified(), 0)), Gw: n.Gateway.AsSlice(), Flags: int(netlink.FLAG_ONLINK), Src: n.Address.AsSlice()},
	}
	if n.PodAddresses.IsValid() {
		// An address that no pod has must not travel back to the VNet, which
		// would send it here again. A bridge's route, to the same addresses, comes first.
		routes = append(routes, &netlink.Route{Dst: ipNet(n.PodAddresses), Type: unix.RTN_UNREACHABLE, Priority: lastRoute})
	}
	return replaceRoutes(h, routes)
}

// lastRoute is the metric of a route that yields to every other one.
const lastRoute = 1 << 30

func replaceRoutes(h *netlink.Handle, routes []*netlink.Route) error {
	for _, r := range routes {
		if err := h.RouteReplace(r); err != nil {
			return fmt.Errorf("adding route to %s: %w", r.Dst, err)
		}
	}
	return nil
}

func isNotFound(err error) bool {
	var notFound netlink.LinkNotFoundError
	return errors.As(err, &notFound)
}

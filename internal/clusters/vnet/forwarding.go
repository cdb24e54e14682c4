package vnet

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Forwarding is a rule of a load balancer: what comes for an address and a port
// goes to one of the backends, which are nodes of the VNet.
type Forwarding struct {
	Address netip.Addr
	// Protocol is "tcp" or "udp"; "" is both of them on every port.
	Protocol string
	Port     uint16
	// BackendPort is where the backends listen. 0 leaves the destination as it
	// is, which Azure calls a floating IP: the backend finds the load balancer's
	// own address and port in what it gets.
	BackendPort uint16
	// BySource sends all that a client sends to the same backend.
	BySource bool
	Backends []netip.Addr
}

// ours marks routes and rules of this file; mark is the lowest packet mark and
// the lowest table: a backend's is that plus the number of its link.
const (
	ours = 76
	mark = 0x4c0000
	// rulePriority is before that of the main table.
	rulePriority = 1000
)

// backend is a node as the VNet reaches it.
type backend struct {
	address netip.Addr
	link    int
	gateway netip.Addr
}

func (b backend) mark() int { return mark + b.link }

// Forward makes the VNet forward by these rules and no others. A connection
// stays with the backend that it began with.
//
// The backend of a connection is chosen once, by nft, and kept as its mark; by
// mark each backend has a table with one route. The main table has the address
// as well, with all backends: nobody else may send from it.
func (f Fabric) Forward(rules []Forwarding) error {
	err := f.with(func(h *netlink.Handle) error {
		reached, err := reach(h, rules)
		if err != nil {
			return err
		}
		if err := ensureTables(h, reached); err != nil {
			return err
		}
		if err := ensureAddresses(h, rules, reached); err != nil {
			return err
		}
		if err := f.nft(ruleset(rules, reached)); err != nil {
			return err
		}
		return removeSurplus(h, rules, reached)
	})
	if err != nil {
		return fmt.Errorf("forwarding for load balancers: %w", err)
	}
	return nil
}

// reach finds the links to the backends. One that isn't attached (any more) is
// left out.
func reach(h *netlink.Handle, rules []Forwarding) (map[netip.Addr]backend, error) {
	found := map[netip.Addr]backend{}
	for _, r := range rules {
		for _, a := range r.Backends {
			if _, known := found[a]; known {
				continue
			}
			routes, err := h.RouteListFiltered(netlink.FAMILY_V4, &netlink.Route{Dst: hostAddr(a).IPNet, Table: unix.RT_TABLE_MAIN}, netlink.RT_FILTER_DST|netlink.RT_FILTER_TABLE)
			if err != nil {
				return nil, fmt.Errorf("finding backend %s: %w", a, err)
			}
			for _, route := range routes {
				if gateway, ok := netip.AddrFromSlice(route.Src.To4()); ok && route.Protocol != ours {
					found[a] = backend{a, route.LinkIndex, gateway}
				}
			}
		}
	}
	return found, nil
}

// ensureTables makes a table for each backend, and the rule that leads to it.
func ensureTables(h *netlink.Handle, reached map[netip.Addr]backend) error {
	have, err := ourRules(h)
	if err != nil {
		return err
	}
	for _, b := range reached {
		if err := h.RouteReplace(&netlink.Route{
			LinkIndex: b.link, Table: b.mark(), Protocol: ours, Flags: int(netlink.FLAG_ONLINK),
			Dst: ipNet(netip.PrefixFrom(netip.IPv4Unspecified(), 0)), Gw: b.address.AsSlice(), Src: b.gateway.AsSlice(),
		}); err != nil {
			return fmt.Errorf("routing to backend %s: %w", b.address, err)
		}
		if _, ok := have[b.mark()]; ok {
			continue
		}
		rule := netlink.NewRule()
		rule.Family, rule.Priority, rule.Mark, rule.Table, rule.Protocol = netlink.FAMILY_V4, rulePriority, uint32(b.mark()), b.mark(), ours
		if err := h.RuleAdd(rule); err != nil && !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("routing by mark to backend %s: %w", b.address, err)
		}
	}
	return nil
}

func ourRules(h *netlink.Handle) (map[int]netlink.Rule, error) {
	rules, err := h.RuleList(netlink.FAMILY_V4)
	if err != nil {
		return nil, fmt.Errorf("listing rules: %w", err)
	}
	have := map[int]netlink.Rule{}
	for _, r := range rules {
		if r.Table > mark && r.Priority == rulePriority {
			have[r.Table] = r
		}
	}
	return have, nil
}

// frontends lists the addresses of the rules with all backends of each.
func frontends(rules []Forwarding, reached map[netip.Addr]backend) map[netip.Addr][]backend {
	out := map[netip.Addr][]backend{}
	for _, r := range rules {
		all := out[r.Address]
		for _, a := range r.Backends {
			if b, ok := reached[a]; ok && !slices.Contains(all, b) {
				all = append(all, b)
			}
		}
		slices.SortFunc(all, func(x, y backend) int { return cmp.Compare(x.link, y.link) })
		out[r.Address] = all
	}
	return out
}

func ensureAddresses(h *netlink.Handle, rules []Forwarding, reached map[netip.Addr]backend) error {
	for address, backends := range frontends(rules, reached) {
		route := &netlink.Route{Dst: hostAddr(address).IPNet, Protocol: ours}
		for _, b := range backends {
			route.Src = backends[0].gateway.AsSlice()
			route.MultiPath = append(route.MultiPath, &netlink.NexthopInfo{LinkIndex: b.link, Gw: b.address.AsSlice(), Flags: int(netlink.FLAG_ONLINK)})
		}
		if len(backends) == 0 {
			route.Type = unix.RTN_UNREACHABLE
		}
		if err := h.RouteReplace(route); err != nil {
			return fmt.Errorf("routing frontend %s: %w", address, err)
		}
	}
	return nil
}

// removeSurplus takes away what earlier rules needed.
func removeSurplus(h *netlink.Handle, rules []Forwarding, reached map[netip.Addr]backend) error {
	wanted := frontends(rules, reached)
	tables := map[int]bool{}
	for _, b := range reached {
		tables[b.mark()] = true
	}
	have, err := ourRules(h)
	if err != nil {
		return err
	}
	for table, rule := range have {
		if tables[table] {
			continue
		}
		if err := h.RuleDel(&rule); err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("removing the rule of a backend: %w", err)
		}
	}
	routes, err := h.RouteListFiltered(netlink.FAMILY_V4, &netlink.Route{Protocol: ours, Table: unix.RT_TABLE_UNSPEC}, netlink.RT_FILTER_PROTOCOL|netlink.RT_FILTER_TABLE)
	if err != nil {
		return fmt.Errorf("listing routes: %w", err)
	}
	for _, r := range routes {
		var keep bool
		if r.Table > mark {
			keep = tables[r.Table]
		} else if address, ok := netip.AddrFromSlice(r.Dst.IP.To4()); ok {
			_, keep = wanted[address]
		}
		if keep {
			continue
		}
		if err := h.RouteDel(&r); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("removing the route to %s: %w", r.Dst, err)
		}
	}
	return nil
}

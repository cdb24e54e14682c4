package pods

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/lanyard-project/lanyard/internal/node/redirect"
)

// Network says how pods are connected to the node. It is told, not guessed: a pod that is connected in another way is unproven.
type Network string

// The networks.
const (
	// Routed: each pod has a cable (veth) and a route of its own.
	Routed Network = "routed"
	// Bridge: the cables are ports of a bridge.
	Bridge Network = "bridge"
	// Other: in a way that tells nothing of who sends a packet. Pods are proven by the cgroup in which they connect, or not at all.
	Other Network = "other"
)

// Binding is where a pod's packets come from: the node's end of its cable, by the kernel's index, and its address. On a bridge the
// interface is the bridge's, and the redirect sees to it that the address is sent by the pod's port alone. A pod in the node's
// network has no cable; its sockets have a cgroup instead.
type Binding struct {
	Interface int
	Address   netip.Addr
	Group     uint64
}

// Link is what the kernel says about an interface of the node.
type Link struct {
	Index  int
	Kind   string // "veth"
	Master int    // the bridge or bond that it belongs to; 0 is none
}

// Links asks about the node's own network namespace.
type Links interface {
	// Link finds an interface by name.
	Link(name string) (Link, error)
	// LinkAt finds one by its index.
	LinkAt(index int) (Link, error)
	// Toward gives the index of the interface by which the node reaches an address, and whether the route is for it alone.
	Toward(address netip.Addr) (index int, alone bool, err error)
}

// record is the part of the runtime's verbose sandbox status (containerd's "info") that matters here. The network
// plugin's result has Go's field names, the rest is in camel case; encoding/json takes both.
type record struct {
	CNIResult *struct {
		Interfaces map[string]*struct {
			IPConfigs []*struct{ IP netip.Addr }
			Mac       string
			Sandbox   string
		}
	} `json:"cniResult"`
}

// cable is what the record says about a pod's network: the node's interfaces that the plugin named, the pod's IPv4 addresses (the
// reported one first), and its Ethernet address.
type cable struct {
	hosts     []string
	addresses []netip.Addr
	hardware  string
}

// readCable finds the pod's cable in the runtime's record. address is the pod's address as the runtime reports it.
func readCable(info, address string) (cable, error) {
	var r record
	if err := json.Unmarshal([]byte(info), &r); err != nil {
		return cable{}, fmt.Errorf("reading the runtime's record: %w", err)
	}
	if r.CNIResult == nil {
		return cable{}, errors.New("the runtime has no record of the network plugin's result")
	}
	reported, err := netip.ParseAddr(address)
	if err != nil {
		return cable{}, errors.New("the runtime reports no address")
	}
	c := cable{addresses: []netip.Addr{reported.Unmap()}}
	found := false
	for name, iface := range r.CNIResult.Interfaces {
		if iface == nil {
			continue
		}
		// one without a hardware address is go-cni's placeholder for a plugin that named no interfaces
		if iface.Sandbox == "" && len(iface.IPConfigs) == 0 && name != "lo" && iface.Mac != "" {
			c.hosts = append(c.hosts, name)
		}
		for _, config := range iface.IPConfigs {
			if config == nil || name == "lo" {
				continue
			}
			ip := config.IP.Unmap()
			switch {
			case ip == c.addresses[0]:
				c.hardware, found = iface.Mac, true
			case ip.Is4() && !ip.IsLoopback():
				c.addresses = append(c.addresses, ip)
			}
		}
	}
	if !found || !c.addresses[0].Is4() {
		return cable{}, errors.New("the runtime's address is not in the network plugin's result")
	}
	return c, nil
}

// bindings checks the cable against the kernel and gives the pairs that prove the pod.
func (c cable) bindings(links Links, network Network) ([]Binding, redirect.Port, error) {
	if network == Bridge {
		return c.onBridge(links)
	}
	all, err := c.routed(links)
	return all, redirect.Port{}, err
}

func (c cable) routed(links Links) ([]Binding, error) {
	link, err := c.end(links)
	switch {
	case err != nil:
		return nil, err
	case link.Kind != "veth":
		return nil, fmt.Errorf("its interface is a %q, not a cable to one pod", link.Kind)
	case link.Master != 0:
		return nil, errors.New("its interface is a port of a bridge, which the agent isn't told of (--pod-network=bridge)")
	}
	all := make([]Binding, 0, len(c.addresses))
	for _, address := range c.addresses {
		// Names come back, so the name alone may be another pod's by now. (Hardware addresses don't help: udev changes
		// them after the plugin has reported.) The node's route is made with the cable and goes with it.
		toward, _, err := links.Toward(address)
		if err != nil {
			return nil, fmt.Errorf("finding the way to %s: %w", address, err)
		}
		if toward != link.Index {
			return nil, fmt.Errorf("its interface is not the node's way to %s", address)
		}
		all = append(all, Binding{Interface: link.Index, Address: address})
	}
	return all, nil
}

// end finds the node's end of a routed pod's cable: the interface that the plugin named, or, as many name none, the one that the
// pod's own route leads to.
func (c cable) end(links Links) (Link, error) {
	switch len(c.hosts) {
	case 1:
		link, err := links.Link(c.hosts[0])
		if err != nil {
			return Link{}, fmt.Errorf("finding interface %s: %w", c.hosts[0], err)
		}
		return link, nil
	case 0:
		toward, alone, err := links.Toward(c.addresses[0])
		if err != nil {
			return Link{}, fmt.Errorf("finding the way to %s: %w", c.addresses[0], err)
		}
		if !alone {
			return Link{}, errors.New("the network plugin didn't name the node's interface, and the pod has no route of its own")
		}
		return links.LinkAt(toward)
	default:
		return Link{}, errors.New("the network plugin named several interfaces of the node: is it a bridge (--pod-network=bridge)?")
	}
}

// onBridge gives the one pair that holds on a bridge, and the port that it is held to.
func (c cable) onBridge(links Links) ([]Binding, redirect.Port, error) {
	var port Link
	for _, name := range c.hosts {
		link, err := links.Link(name)
		switch {
		case err != nil:
			return nil, redirect.Port{}, fmt.Errorf("finding interface %s: %w", name, err)
		case link.Kind != "veth" || link.Master == 0:
			continue // the bridge itself
		case port.Index != 0:
			return nil, redirect.Port{}, errors.New("the network plugin named several ports of a bridge")
		}
		port = link
	}
	if port.Index == 0 {
		return nil, redirect.Port{}, errors.New("the network plugin named no port of a bridge: is the network routed (--pod-network=routed)?")
	}
	bridge, err := links.LinkAt(port.Master)
	if err != nil {
		return nil, redirect.Port{}, fmt.Errorf("finding the bridge: %w", err)
	}
	toward, _, err := links.Toward(c.addresses[0])
	if err != nil {
		return nil, redirect.Port{}, fmt.Errorf("finding the way to %s: %w", c.addresses[0], err)
	}
	if bridge.Kind != "bridge" || toward != bridge.Index {
		return nil, redirect.Port{}, fmt.Errorf("its port's bridge is not the node's way to %s", c.addresses[0])
	}
	hardware, err := net.ParseMAC(c.hardware)
	if err != nil || len(hardware) != len(redirect.Hardware{}) {
		return nil, redirect.Port{}, errors.New("the network plugin didn't tell the pod's Ethernet address")
	}
	return []Binding{{Interface: bridge.Index, Address: c.addresses[0]}},
		redirect.Port{Index: port.Index, Hardware: redirect.Hardware(hardware)}, nil
}

package pods

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
)

// Binding is where a pod's packets come from: the node's end of its cable, by the kernel's index, and its address. A pod in the
// node's network has no cable; its sockets have a cgroup instead.
type Binding struct {
	Interface int
	Address   netip.Addr
	Group     uint64
}

// Link is what the kernel says about an interface of the node.
type Link struct {
	Index    int
	Kind     string // "veth"
	Enslaved bool   // to a bridge or bond
}

// Links asks about the node's own network namespace.
type Links interface {
	// Link finds an interface by name.
	Link(name string) (Link, error)
	// Toward gives the index of the interface by which the node reaches an address.
	Toward(address netip.Addr) (int, error)
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

// cable is what the record says about a pod's network: the name of the node's end, and the pod's IPv4 addresses.
type cable struct {
	host      string
	addresses []netip.Addr
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
	var c cable
	for name, iface := range r.CNIResult.Interfaces {
		if iface == nil {
			continue
		}
		// one without a hardware address is go-cni's placeholder for a plugin that named no interfaces
		if iface.Sandbox == "" && len(iface.IPConfigs) == 0 && name != "lo" && iface.Mac != "" {
			if c.host != "" {
				return cable{}, errors.New("the network plugin named several interfaces of the node (a bridge?)")
			}
			c.host = name
		}
		for _, config := range iface.IPConfigs {
			if config == nil {
				continue
			}
			if ip := config.IP.Unmap(); name != "lo" && ip.Is4() && !ip.IsLoopback() {
				c.addresses = append(c.addresses, ip)
			}
		}
	}
	if c.host == "" {
		return cable{}, errors.New("the network plugin didn't name the node's interface")
	}
	reported, err := netip.ParseAddr(address)
	if err != nil {
		return cable{}, errors.New("the runtime reports no address")
	}
	for _, known := range c.addresses {
		if known == reported.Unmap() {
			return c, nil
		}
	}
	return cable{}, errors.New("the runtime's address is not in the network plugin's result")
}

// bindings checks the cable against the kernel and gives the pairs that prove the pod.
func (c cable) bindings(links Links) ([]Binding, error) {
	link, err := links.Link(c.host)
	if err != nil {
		return nil, fmt.Errorf("finding interface %s: %w", c.host, err)
	}
	switch {
	case link.Kind != "veth":
		return nil, fmt.Errorf("interface %s is a %q, not a cable to one pod", c.host, link.Kind)
	case link.Enslaved:
		return nil, fmt.Errorf("interface %s is a port of a bridge", c.host)
	}
	all := make([]Binding, 0, len(c.addresses))
	for _, address := range c.addresses {
		// Names come back, so the name alone may be another pod's by now. (Hardware addresses don't help: udev changes
		// them after the plugin has reported.) The node's route is made with the cable and goes with it.
		toward, err := links.Toward(address)
		if err != nil {
			return nil, fmt.Errorf("finding the way to %s: %w", address, err)
		}
		if toward != link.Index {
			return nil, fmt.Errorf("interface %s is not the node's way to %s", c.host, address)
		}
		all = append(all, Binding{Interface: link.Index, Address: address})
	}
	return all, nil
}

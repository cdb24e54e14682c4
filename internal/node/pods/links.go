package pods

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
)

// Kernel answers for the network namespace of the process.
type Kernel struct{}

// Link finds an interface by name.
func (Kernel) Link(name string) (Link, error) {
	found, err := netlink.LinkByName(name)
	if err != nil {
		return Link{}, fmt.Errorf("asking the kernel: %w", err)
	}
	return describeLink(found), nil
}

// LinkAt finds one by its index.
func (Kernel) LinkAt(index int) (Link, error) {
	found, err := netlink.LinkByIndex(index)
	if err != nil {
		return Link{}, fmt.Errorf("asking the kernel: %w", err)
	}
	return describeLink(found), nil
}

func describeLink(found netlink.Link) Link {
	attributes := found.Attrs()
	return Link{Index: attributes.Index, Kind: found.Type(), Master: attributes.MasterIndex}
}

// Toward asks for the route to an address.
func (Kernel) Toward(address netip.Addr) (index int, alone bool, err error) {
	routes, err := netlink.RouteGetWithOptions(address.AsSlice(), &netlink.RouteGetOptions{FIBMatch: true})
	if err != nil {
		return 0, false, fmt.Errorf("asking the kernel: %w", err)
	}
	if len(routes) != 1 || routes[0].Gw != nil { // a gateway would be somebody in between
		return 0, false, errors.New("the address is not directly attached")
	}
	if to := routes[0].Dst; to != nil {
		ones, bits := to.Mask.Size()
		alone = ones == bits && ones > 0
	}
	return routes[0].LinkIndex, alone, nil
}

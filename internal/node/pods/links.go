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
	attributes := found.Attrs()
	return Link{
		Index:    attributes.Index,
		Kind:     found.Type(),
		Enslaved: attributes.MasterIndex != 0,
	}, nil
}

// Toward asks for the route to an address.
func (Kernel) Toward(address netip.Addr) (int, error) {
	routes, err := netlink.RouteGet(address.AsSlice())
	if err != nil {
		return 0, fmt.Errorf("asking the kernel: %w", err)
	}
	if len(routes) != 1 || routes[0].Gw != nil { // a gateway would be somebody in between
		return 0, errors.New("the address is not directly attached")
	}
	return routes[0].LinkIndex, nil
}

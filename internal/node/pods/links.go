package pods

import (
	"fmt"

	"github.com/vishvananda/netlink"
)

// Kernel looks interfaces up in the network namespace of the process.
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
		Hardware: attributes.HardwareAddr.String(),
		Enslaved: attributes.MasterIndex != 0,
	}, nil
}

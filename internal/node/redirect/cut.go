package redirect

import (
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// past matches connections to an address that aren't redirected.
type past struct{ address netip.Addr }

// MatchConntrackFlow is for netlink.
func (p past) MatchConntrackFlow(flow *netlink.ConntrackFlow) bool {
	to := p.address.AsSlice()
	return flow.Forward.DstIP.Equal(to) && flow.Reverse.SrcIP.Equal(to)
}

// cut forgets connections that are older than the rules. The rules drop their packets anyway; but for a connection that the kernel
// doesn't know, the next packet asks the rules anew, is led to the agent, which doesn't know it either, and so the client hears
// that it is over instead of waiting.
func cut(config Config) error {
	_, err := netlink.ConntrackDeleteFilters(netlink.ConntrackTable, unix.AF_INET, past{config.Metadata.Addr()})
	if err != nil {
		return fmt.Errorf("cutting older connections: %w", err)
	}
	return nil
}

package redirect

import (
	"errors"
	"fmt"
	"net/netip"
)

// Config says what goes where.
type Config struct {
	// Metadata is the address and port that pods ask: 169.254.169.254:80.
	Metadata netip.AddrPort
	// Agent is an address of our own, put on the node's loopback interface. It spares the node's sysctls (a redirect to
	// 127.0.0.1 needs route_localnet) and asks nothing of the pods' interfaces, which often have no address.
	Agent netip.Addr
	// Proven and Unproven are the agent's ports on it, and Local the one for pods in the node's network.
	Proven, Unproven, Local uint16
	// Bridge says that pods are on a bridge. Otherwise each has a route over an interface of its own.
	Bridge bool
	// Kubepods is the cgroup above all pods. Without it, pods in the node's network can't be told from the node's
	// daemons and reach the metadata service as the node.
	Kubepods Cgroup
	// Self is the agent's own cgroup, if it lies below Kubepods.
	Self Cgroup
}

// Validate reports what is missing or contradictory.
func (c Config) Validate() error {
	switch {
	case !c.Metadata.Addr().Is4() || c.Metadata.Port() == 0:
		return fmt.Errorf("metadata address %s is not an IPv4 address with a port", c.Metadata)
	case !c.Agent.Is4():
		return fmt.Errorf("agent address %s is not an IPv4 address", c.Agent)
	case c.Agent == c.Metadata.Addr():
		return errors.New("the agent's address is the metadata address")
	case c.Proven == 0 || c.Unproven == 0 || c.Local == 0 || c.Proven == c.Unproven || c.Proven == c.Local || c.Unproven == c.Local:
		return fmt.Errorf("ports %d, %d and %d have to be three different ones", c.Proven, c.Unproven, c.Local)
	case c.Self.Level > 0 && c.Kubepods.Level > c.Self.Level:
		return fmt.Errorf("cgroup %s is not below %s", c.Self.Path, c.Kubepods.Path)
	}
	return nil
}

// layout changes when the rules change, so that an agent doesn't trust an older version's table.
const layout = 2

// mark is the comment on the table's first rule: what the table was made for.
func (c Config) mark() string {
	network := "routed"
	if c.Bridge {
		network = "bridge"
	}
	return fmt.Sprintf("lanyard/%d %s %s %s %d %d %d", layout, network, c.Metadata, c.Agent, c.Proven, c.Unproven, c.Local)
}

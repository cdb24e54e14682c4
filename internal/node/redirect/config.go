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
	// Hooked is the port to which hooks in the kernel lead pods. Then nobody else is proven: what comes in packets that no hook
	// saw begin goes to the unproven port. 0 is none.
	Hooked uint16
	// Unbound says that no bindings are known, so that hooks alone prove.
	Unbound bool
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
	case c.Hooked != 0 && (c.Hooked == c.Proven || c.Hooked == c.Unproven || c.Hooked == c.Local):
		return fmt.Errorf("port %d is not the hooks' alone", c.Hooked)
	case c.Unbound && c.Hooked == 0:
		return errors.New("without bindings and without hooks nobody can be proven")
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
	switch {
	case c.Bridge:
		network = "bridge"
	case c.Unbound:
		network = "other"
	}
	return fmt.Sprintf("lanyard/%d %s %s %s %d %d %d %d", layout, network, c.Metadata, c.Agent, c.Proven, c.Unproven, c.Local, c.Hooked)
}

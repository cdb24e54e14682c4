package redirect

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// before whatever else looks at the bridge's frames, and before they become packets
const bridgePriority = -310

// How long the bridge's table believes in a pod that nobody confirms. Bindings are forgotten first, so that an agent that hangs
// leaves pods unproven and not unprotected; then the rest, so that a pod that gets the address of one that went away while there
// was no agent has a network.
const (
	bindingsLast = 45 * time.Second
	portsLast    = 60 * time.Second
	// ConfirmEvery is how often [Bindings.Confirm] has to be called on a bridge.
	ConfirmEvery = 10 * time.Second
)

// guard is the table on the bridge: nobody uses a proven pod's address, or the bridge's own, but from its place.
type guard struct {
	table     *nftables.Table
	addresses *nftables.Set // of pods
	hardware  *nftables.Set // of pods
	ports     *nftables.Set // {port . Ethernet address . address}
	cables    *nftables.Set // {port . Ethernet address}
	gateways  *nftables.Set // the bridge's own addresses
}

func newGuard() (guard, error) {
	g := guard{table: &nftables.Table{Family: nftables.TableFamilyBridge, Name: tableName}}
	port, err := nftables.ConcatSetType(nftables.TypeIFIndex, nftables.TypeEtherAddr, nftables.TypeIPAddr)
	if err != nil {
		return g, fmt.Errorf("describing the set of ports: %w", err)
	}
	cable, err := nftables.ConcatSetType(nftables.TypeIFIndex, nftables.TypeEtherAddr)
	if err != nil {
		return g, fmt.Errorf("describing the set of cables: %w", err)
	}
	lasting := func(name string, key nftables.SetDatatype, concatenated bool) *nftables.Set {
		return &nftables.Set{
			Table: g.table, Name: name, KeyType: key, Concatenation: concatenated, HasTimeout: true, Timeout: portsLast,
		}
	}
	g.addresses = lasting("addresses", nftables.TypeIPAddr, false)
	g.hardware = lasting("hardware", nftables.TypeEtherAddr, false)
	g.ports = lasting("ports", port, true)
	g.cables = lasting("cables", cable, true)
	g.gateways = &nftables.Set{Table: g.table, Name: "gateways", KeyType: nftables.TypeIPAddr}
	return g, nil
}

func (g guard) sets() []*nftables.Set {
	return []*nftables.Set{g.addresses, g.hardware, g.ports, g.cables, g.gateways}
}

// buildGuard swaps the bridge's table in, or takes it away if the network isn't one.
func buildGuard(conn *nftables.Conn, config Config) error {
	g, err := newGuard()
	if err != nil {
		return err
	}
	conn.AddTable(g.table)
	conn.DelTable(g.table)
	if !config.Bridge {
		return nil
	}
	conn.AddTable(g.table)
	for _, set := range g.sets() {
		if err := conn.AddSet(set, nil); err != nil {
			return fmt.Errorf("adding the set of %s: %w", set.Name, err)
		}
	}
	b := &builder{conn: conn, config: config, table: g.table, marked: true}
	in := b.chain(markChain, nftables.ChainTypeFilter, nftables.ChainHookPrerouting, bridgePriority)
	drop := verdict(expr.VerdictDrop)
	// A tag is taken off before a frame gets here. What still has one is a packet in two wrappings, which the kernel unwraps behind
	// these rules.
	for _, protocol := range []uint16{unix.ETH_P_8021Q, unix.ETH_P_8021AD} {
		b.rule(in, fromVeth(), ofProtocol(protocol), drop)
	}
	b.rule(in, match{source()}, in1(g.hardware), match{iif(), sourceSecond()}, notIn(g.cables), drop)
	b.rule(in, ofProtocol(unix.ETH_P_ARP), match{network(unix.NFT_REG_1, 14, 4)}, in1(g.gateways), drop)
	b.rule(in, ofProtocol(unix.ETH_P_ARP), match{network(unix.NFT_REG_1, 14, 4)}, in1(g.addresses),
		match{iif(), network(unix.NFT_REG32_01, 8, 6), network(unix.NFT_REG32_03, 14, 4)}, notIn(g.ports), drop)
	b.rule(in, ofProtocol(unix.ETH_P_IP), match{network(unix.NFT_REG_1, 12, 4)}, in1(g.gateways), drop)
	b.rule(in, ofProtocol(unix.ETH_P_IP), match{network(unix.NFT_REG_1, 12, 4)}, in1(g.addresses),
		match{iif(), sourceSecond(), network(unix.NFT_REG32_03, 12, 4)}, notIn(g.ports), drop)

	// Answers go to the pod they are for, whatever the neighbour table was told before the pod was known.
	out := b.chain("output", nftables.ChainTypeFilter, nftables.ChainHookOutput, bridgePriority)
	answer := append(ofProtocol(unix.ETH_P_IP), equal(network(unix.NFT_REG_1, 12, 4), config.Metadata.Addr().AsSlice())...)
	b.rule(out, answer, match{
		&expr.Meta{Key: expr.MetaKeyOIF, Register: unix.NFT_REG32_00},
		link(unix.NFT_REG32_01, 0), network(unix.NFT_REG32_03, 16, 4),
	}, notIn(g.ports), match{network(unix.NFT_REG_1, 16, 4)}, in1(g.addresses), drop)
	return nil
}

func network(register, offset, length uint32) expr.Any {
	return &expr.Payload{DestRegister: register, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: length}
}

func link(register, offset uint32) expr.Any {
	return &expr.Payload{DestRegister: register, Base: expr.PayloadBaseLLHeader, Offset: offset, Len: 6}
}

func source() expr.Any       { return link(unix.NFT_REG_1, 6) }
func sourceSecond() expr.Any { return link(unix.NFT_REG32_01, 6) }
func iif() expr.Any          { return &expr.Meta{Key: expr.MetaKeyIIF, Register: unix.NFT_REG32_00} }

// ofProtocol asks what the kernel takes the frame's content for, which a tag in front of it doesn't hide.
func ofProtocol(protocol uint16) match {
	return equal(&expr.Meta{Key: expr.MetaKeyPROTOCOL, Register: unix.NFT_REG_1}, binaryutil.BigEndian.PutUint16(protocol))
}

// fromVeth matches frames from pods, not from a trunk.
func fromVeth() match {
	const iifKind = 26 // NFT_META_IIFKIND
	kind := make([]byte, unix.IFNAMSIZ)
	copy(kind, "veth")
	return equal(&expr.Meta{Key: iifKind, Register: unix.NFT_REG_1}, kind)
}

func in1(set *nftables.Set) match {
	return match{&expr.Lookup{SourceRegister: unix.NFT_REG_1, SetName: set.Name, SetID: set.ID}}
}

func notIn(set *nftables.Set) match {
	return match{&expr.Lookup{SourceRegister: unix.NFT_REG32_00, SetName: set.Name, SetID: set.ID, Invert: true}}
}

// change enters pods into the sets, or takes them out.
func (g guard) change(conn *nftables.Conn, change setChange, port Port, address netip.Addr) error {
	for set, key := range map[*nftables.Set][]byte{
		g.addresses: address.AsSlice(), g.hardware: port.Hardware[:], g.ports: portKey(port, address), g.cables: cableKey(port),
	} {
		if err := change(conn, set, []nftables.SetElement{{Key: key}}); err != nil {
			return fmt.Errorf("changing the set of %s: %w", set.Name, err)
		}
	}
	return nil
}

// addGateways enters the bridge's own addresses, which no pod may claim.
func (g guard) addGateways(conn *nftables.Conn, bridge int) error {
	device, err := netlink.LinkByIndex(bridge)
	if err != nil {
		return fmt.Errorf("finding the bridge: %w", err)
	}
	addresses, err := netlink.AddrList(device, netlink.FAMILY_V4)
	if err != nil {
		return fmt.Errorf("reading the bridge's addresses: %w", err)
	}
	elements := make([]nftables.SetElement, 0, len(addresses))
	for _, address := range addresses {
		elements = append(elements, nftables.SetElement{Key: address.IP.To4()})
	}
	if err := conn.SetAddElements(g.gateways, elements); err != nil {
		return fmt.Errorf("changing the set of gateways: %w", err)
	}
	return nil
}

// greet tells the node's neighbour table where the pod is, whatever somebody said before the pod was known.
func greet(bridge int, port Port, address netip.Addr) error {
	err := netlink.NeighSet(&netlink.Neigh{
		LinkIndex: bridge, Family: netlink.FAMILY_V4, State: netlink.NUD_REACHABLE,
		IP: address.AsSlice(), HardwareAddr: port.Hardware[:],
	})
	if err != nil && !errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("entering the pod as neighbour: %w", err)
	}
	return nil
}

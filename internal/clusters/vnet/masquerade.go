package vnet

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netns"
)

// masqueradeTable is the nft table of a node's namespace that we own.
const masqueradeTable = "lanyard-masquerade"

const (
	ipv4Source      = 12 // offset of the source address in an IPv4 header
	ipv4Destination = 16
)

// Masquerade makes what the node's pods send out of the VNet's address space
// carry the node's address, as AKS does: a pod that reaches the platform
// without being intercepted is seen there as its node. Inside the VNet pods
// keep their own addresses.
func (n Node) Masquerade(vnet []netip.Prefix) error {
	ns, err := netns.GetFromPath(n.Namespace.Path)
	if err != nil {
		return fmt.Errorf("opening network namespace of the node: %w", err)
	}
	defer ns.Close()
	conn, err := nftables.New(nftables.WithNetNSFd(int(ns)))
	if err != nil {
		return fmt.Errorf("opening nftables netlink: %w", err)
	}
	// Adding, flushing and filling is one transaction: no packet sees half of it.
	table := conn.AddTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: masqueradeTable})
	conn.FlushTable(table)
	chain := conn.AddChain(&nftables.Chain{
		Name: "postrouting", Table: table, Type: nftables.ChainTypeNAT,
		Hooknum: nftables.ChainHookPostrouting, Priority: nftables.ChainPriorityNATSource,
	})
	fromPods := matchPrefix(ipv4Source, n.PodAddresses)
	for _, p := range vnet {
		exprs := append(append([]expr.Any{}, fromPods...), matchPrefix(ipv4Destination, p)...)
		exprs = append(exprs, &expr.Verdict{Kind: expr.VerdictReturn})
		conn.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: exprs})
	}
	exprs := append([]expr.Any{}, fromPods...)
	exprs = append(exprs,
		&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: interfaceName(uplink)},
		&expr.Counter{}, &expr.Masq{})
	conn.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: exprs})
	if err := conn.Flush(); err != nil {
		return fmt.Errorf("installing masquerade rules: %w", err)
	}
	return nil
}

func matchPrefix(offset uint32, p netip.Prefix) []expr.Any {
	return []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: 4},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: net.CIDRMask(p.Bits(), 32), Xor: make([]byte, 4)},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: p.Masked().Addr().AsSlice()},
	}
}

// interfaceName is a name as the kernel compares it, padded to IFNAMSIZ.
func interfaceName(s string) []byte {
	b := make([]byte, 16)
	copy(b, s)
	return b
}

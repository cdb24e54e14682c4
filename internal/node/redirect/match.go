package redirect

import (
	"encoding/binary"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// The kernel's 32-bit registers, which a concatenation fills one after the other.
const (
	reg32First  = unix.NFT_REG32_00
	reg32Second = unix.NFT_REG32_01
)

const conntrackDestinationNAT = 1 << 5 // IPS_DST_NAT

type match []expr.Any

func join(parts ...match) []expr.Any {
	var all []expr.Any
	for _, part := range parts {
		all = append(all, part...)
	}
	return all
}

func equal(load expr.Any, data []byte) match {
	return match{load, &expr.Cmp{Op: expr.CmpOpEq, Register: unix.NFT_REG_1, Data: data}}
}

func isIPv4() match {
	return equal(&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: unix.NFT_REG_1}, []byte{unix.NFPROTO_IPV4})
}

func toAddress(address netip.Addr) match {
	load := &expr.Payload{DestRegister: unix.NFT_REG_1, Base: expr.PayloadBaseNetworkHeader, Offset: 16, Len: 4}
	return append(isIPv4(), equal(load, address.AsSlice())...)
}

func toPort(port uint16) match {
	protocol := equal(&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: unix.NFT_REG_1}, []byte{unix.IPPROTO_TCP})
	load := &expr.Payload{DestRegister: unix.NFT_REG_1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2}
	return append(protocol, equal(load, binaryutil.BigEndian.PutUint16(port))...)
}

func fromAddress(address netip.Addr) match {
	return append(isIPv4(), equal(network(unix.NFT_REG_1, 12, 4), address.AsSlice())...)
}

func fromPort(port uint16) match {
	protocol := equal(&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: unix.NFT_REG_1}, []byte{unix.IPPROTO_TCP})
	load := &expr.Payload{DestRegister: unix.NFT_REG_1, Base: expr.PayloadBaseTransportHeader, Offset: 0, Len: 2}
	return append(protocol, equal(load, binaryutil.BigEndian.PutUint16(port))...)
}

func fromLoopback() match {
	return equal(&expr.Meta{Key: expr.MetaKeyIIFTYPE, Register: unix.NFT_REG_1}, binaryutil.NativeEndian.PutUint16(unix.ARPHRD_LOOPBACK))
}

func fromBinding(set *nftables.Set) match {
	return match{
		&expr.Meta{Key: expr.MetaKeyIIF, Register: reg32First},
		&expr.Payload{DestRegister: reg32Second, Base: expr.PayloadBaseNetworkHeader, Offset: 12, Len: 4},
		&expr.Lookup{SourceRegister: reg32First, SetName: set.Name, SetID: set.ID},
	}
}

func isRedirected() match {
	return match{
		&expr.Ct{Key: expr.CtKeySTATUS, Register: unix.NFT_REG_1},
		&expr.Bitwise{
			SourceRegister: unix.NFT_REG_1, DestRegister: unix.NFT_REG_1, Len: 4,
			Mask: binaryutil.NativeEndian.PutUint32(conntrackDestinationNAT), Xor: binaryutil.NativeEndian.PutUint32(0),
		},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: unix.NFT_REG_1, Data: binaryutil.NativeEndian.PutUint32(0)},
	}
}

// socketBelow matches local packets of sockets in a cgroup or below it.
func socketBelow(group Cgroup) match {
	load := &expr.Socket{Key: expr.SocketKeyCgroupv2, Level: group.Level, Register: unix.NFT_REG_1}
	return equal(load, binaryutil.NativeEndian.PutUint64(group.ID))
}

// socketIn matches local packets of sockets whose cgroup at the level is in the set.
func socketIn(set *nftables.Set, level uint32) match {
	return match{
		&expr.Socket{Key: expr.SocketKeyCgroupv2, Level: level, Register: unix.NFT_REG_1},
		&expr.Lookup{SourceRegister: unix.NFT_REG_1, SetName: set.Name, SetID: set.ID},
	}
}

func redirectTo(address netip.Addr, port uint16) match {
	return match{
		&expr.Counter{},
		&expr.Immediate{Register: unix.NFT_REG_1, Data: address.AsSlice()},
		&expr.Immediate{Register: unix.NFT_REG_2, Data: binaryutil.BigEndian.PutUint16(port)},
		&expr.NAT{
			Type: expr.NATTypeDestNAT, Family: unix.NFPROTO_IPV4,
			RegAddrMin: unix.NFT_REG_1, RegProtoMin: unix.NFT_REG_2, Specified: true,
		},
	}
}

func verdict(kind expr.VerdictKind) match { return match{&expr.Counter{}, &expr.Verdict{Kind: kind}} }

// element is a binding as the set stores it: the interface in the machine's byte order, the address in the network's.
func element(iface uint32, address netip.Addr) nftables.SetElement {
	key := make([]byte, 8)
	binary.NativeEndian.PutUint32(key, iface)
	copy(key[4:], address.AsSlice())
	return nftables.SetElement{Key: key}
}

package hook

import (
	"encoding/binary"
	"net/netip"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"
)

// Offsets in the kernel's struct bpf_sock_addr and struct bpf_sock_ops.
const (
	addrIP4      = 4
	addrIP6      = 8
	addrPort     = 24
	addrProtocol = 36

	opsOp         = 0
	opsRemoteIP4  = 24
	opsLocalIP4   = 28
	opsRemotePort = 64
	opsLocalPort  = 68

	opsConnecting = 3 // BPF_SOCK_OPS_TCP_CONNECT_CB
)

// A note is what the programs write down of a connection: cgroup, time and scope, eight bytes each.
const (
	noteSize   = 24
	noteScope  = 16 // where it is in a note
	numberSize = 8  // a socket's cookie, a cgroup
	keySize    = 16 // address and port, four bytes each, and scope
)

// The scopes of notes. Pods may set addresses in their own networks as they like: each has its note under its own cgroup, where no
// other pod's replaces it, and another one for an agent that doesn't know the pod yet. In the node's network an address and port are
// one socket's at a time.
const (
	nodeScope    = 0
	anybodyScope = 1 // cgroups have larger numbers
)

// word is four bytes of memory as the kernel's programs load them, as an immediate value.
func word(b []byte) int32 { return int32(binary.NativeEndian.Uint32(b)) } //nolint:gosec // the bits count

func addressWord(address netip.Addr) int32 { return word(address.AsSlice()) }

// portWord is a port as struct bpf_sock_addr has it: in the network's order, in the first half.
func portWord(port uint16) int32 {
	b := make([]byte, 4)
	binary.BigEndian.PutUint16(b, port)
	return word(b)
}

// remotePortWord is a port as struct bpf_sock_ops has the other end's: in the network's order, in the second half.
func remotePortWord(port uint16) int32 {
	b := make([]byte, 4)
	binary.BigEndian.PutUint16(b[2:], port)
	return word(b)
}

const (
	allow  = 1
	refuse = 0
)

// leave ends a program with a verdict.
func leave(label string, verdict int32) asm.Instructions {
	return asm.Instructions{asm.Mov.Imm(asm.R0, verdict).WithSymbol(label), asm.Return()}
}

func unless(offset int16, value int32, label string) asm.Instructions {
	return asm.Instructions{
		asm.LoadMem(asm.R2, asm.R6, offset, asm.Word),
		asm.JNE.Imm32(asm.R2, value, label),
	}
}

// toAddress goes on if the address of the call is the one given, mapped to IPv6 for sockets of that kind.
func toAddress(address netip.Addr, six bool, otherwise string) asm.Instructions {
	if !six {
		return unless(addrIP4, addressWord(address), otherwise)
	}
	var code asm.Instructions
	mapped := netip.AddrFrom16(address.As16()).As16()
	for i := range 4 {
		code = append(code, unless(int16(addrIP6+4*i), word(mapped[4*i:4*i+4]), otherwise)...)
	}
	return code
}

// setTo rewrites address and port of the call.
func setTo(to netip.AddrPort, six bool) asm.Instructions {
	offset := int16(addrIP4)
	if six {
		offset = addrIP6 + 12
	}
	return asm.Instructions{
		asm.Mov.Imm32(asm.R2, addressWord(to.Addr())), asm.StoreMem(asm.R6, offset, asm.R2, asm.Word),
		asm.Mov.Imm32(asm.R2, portWord(to.Port())), asm.StoreMem(asm.R6, addrPort, asm.R2, asm.Word),
	}
}

// connecting is the program at connect. Who goes straight to the agent is refused: pods have no business there but by this program.
func connecting(config Config, maps maps, six bool) asm.Instructions {
	const cookie, cgroup, began, scope = -32, -24, -16, -8 // on the stack; the last three are the note
	code := asm.Instructions{asm.Mov.Reg(asm.R6, asm.R1)}
	code = append(code, toAddress(config.Metadata.Addr(), six, "straight")...)
	code = append(code,
		// the agent itself asks the metadata service
		asm.FnGetCurrentCgroupId.Call(),
		asm.StoreMem(asm.RFP, cgroup, asm.R0, asm.DWord),
		asm.LoadMapPtr(asm.R1, maps.agents.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP), asm.Add.Imm(asm.R2, cgroup),
		asm.FnMapLookupElem.Call(),
		asm.JNE.Imm(asm.R0, 0, "other"),
	)
	code = append(code, unless(addrPort, portWord(config.Metadata.Port()), "refuse")...)
	code = append(code, unless(addrProtocol, unix.IPPROTO_TCP, "refuse")...)
	code = append(code,
		asm.Mov.Reg(asm.R1, asm.R6),
		asm.FnGetNetnsCookie.Call(),
		asm.LoadImm(asm.R1, int64(config.network), asm.DWord), //nolint:gosec // the bits count
		asm.LoadMem(asm.R2, asm.RFP, cgroup, asm.DWord),
		asm.JNE.Reg(asm.R0, asm.R1, "scoped"),
		asm.Mov.Imm(asm.R2, nodeScope),
		asm.StoreMem(asm.RFP, scope, asm.R2, asm.DWord).WithSymbol("scoped"),
		asm.FnKtimeGetNs.Call(),
		asm.StoreMem(asm.RFP, began, asm.R0, asm.DWord),
		asm.Mov.Reg(asm.R1, asm.R6),
		asm.FnGetSocketCookie.Call(),
		asm.StoreMem(asm.RFP, cookie, asm.R0, asm.DWord),
		asm.LoadMapPtr(asm.R1, maps.sockets.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP), asm.Add.Imm(asm.R2, cookie),
		asm.Mov.Reg(asm.R3, asm.RFP), asm.Add.Imm(asm.R3, cgroup),
		asm.Mov.Imm(asm.R4, 0),
		asm.FnMapUpdateElem.Call(),
		asm.JNE.Imm(asm.R0, 0, "refuse"), // without a note it would be nobody's
	)
	code = append(code, setTo(config.Agent, six)...)
	code = append(code, leave("other", allow)...)
	straight := toAddress(config.Agent.Addr(), six, "other")
	straight[0] = straight[0].WithSymbol("straight")
	code = append(code, straight...)
	code = append(code, unless(addrPort, portWord(config.Agent.Port()), "other")...)
	return append(code, leave("refuse", refuse)...)
}

// opening is the program before a connection's first packet: address and port are settled now, and the socket's note becomes one of
// them.
func opening(config Config, maps maps) asm.Instructions {
	const cookie, address, port, scope = -24, -16, -12, -8 // on the stack; the last three are the key
	write := asm.Instructions{
		asm.LoadMapPtr(asm.R1, maps.connections.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP), asm.Add.Imm(asm.R2, address),
		asm.Mov.Reg(asm.R3, asm.R7),
		asm.Mov.Imm(asm.R4, 0),
		asm.FnMapUpdateElem.Call(),
	}
	code := asm.Instructions{asm.Mov.Reg(asm.R6, asm.R1)}
	code = append(code, unless(opsOp, opsConnecting, "other")...)
	code = append(code, unless(opsRemoteIP4, addressWord(config.Agent.Addr()), "other")...)
	code = append(code, unless(opsRemotePort, remotePortWord(config.Agent.Port()), "other")...)
	code = append(code,
		asm.LoadMem(asm.R2, asm.R6, opsLocalIP4, asm.Word), asm.StoreMem(asm.RFP, address, asm.R2, asm.Word),
		asm.LoadMem(asm.R2, asm.R6, opsLocalPort, asm.Word), asm.StoreMem(asm.RFP, port, asm.R2, asm.Word),
		asm.Mov.Reg(asm.R1, asm.R6),
		asm.FnGetSocketCookie.Call(),
		asm.StoreMem(asm.RFP, cookie, asm.R0, asm.DWord),
		asm.LoadMapPtr(asm.R1, maps.sockets.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP), asm.Add.Imm(asm.R2, cookie),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "other"),
		asm.Mov.Reg(asm.R7, asm.R0), // the note
		asm.LoadMem(asm.R8, asm.R7, noteScope, asm.DWord),
		asm.StoreMem(asm.RFP, scope, asm.R8, asm.DWord),
	)
	code = append(code, write...)
	code = append(code,
		asm.JEq.Imm(asm.R8, nodeScope, "written"),
		asm.Mov.Imm(asm.R2, anybodyScope),
		asm.StoreMem(asm.RFP, scope, asm.R2, asm.DWord),
	)
	code = append(code, write...)
	return append(code,
		asm.LoadMapPtr(asm.R1, maps.sockets.FD()).WithSymbol("written"),
		asm.Mov.Reg(asm.R2, asm.RFP), asm.Add.Imm(asm.R2, cookie),
		asm.FnMapDeleteElem.Call(),
		asm.Mov.Imm(asm.R0, allow).WithSymbol("other"), asm.Return(),
	)
}

// naming is the program at getpeername.
func naming(config Config, six bool) asm.Instructions {
	code := asm.Instructions{asm.Mov.Reg(asm.R6, asm.R1)}
	code = append(code, toAddress(config.Agent.Addr(), six, "other")...)
	code = append(code, unless(addrPort, portWord(config.Agent.Port()), "other")...)
	code = append(code, setTo(config.Metadata, six)...)
	return append(code, leave("other", allow)...)
}

// spec is one program and where it goes.
type spec struct {
	name   string
	kind   ebpf.ProgramType
	attach ebpf.AttachType
	code   asm.Instructions
}

func specs(config Config, maps maps) []spec {
	return []spec{
		{"opening", ebpf.SockOps, ebpf.AttachCGroupSockOps, opening(config, maps)},
		{"naming4", ebpf.CGroupSockAddr, ebpf.AttachCgroupInet4GetPeername, naming(config, false)},
		{"naming6", ebpf.CGroupSockAddr, ebpf.AttachCgroupInet6GetPeername, naming(config, true)},
		// last: from here on connections are led to the agent, and noted
		{"connect4", ebpf.CGroupSockAddr, ebpf.AttachCGroupInet4Connect, connecting(config, maps, false)},
		{"connect6", ebpf.CGroupSockAddr, ebpf.AttachCGroupInet6Connect, connecting(config, maps, true)},
	}
}

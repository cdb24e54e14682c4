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

// note is what the programs write down of a connection: cgroup and time, eight bytes each.
const (
	noteSize = 16
	keySize  = 8 // a socket's cookie; or address and port, four bytes each
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

// connecting is the program at connect.
func connecting(config Config, maps maps, six bool) asm.Instructions {
	code := asm.Instructions{asm.Mov.Reg(asm.R6, asm.R1)}
	code = append(code, toAddress(config.Metadata.Addr(), six, "other")...)
	code = append(code,
		// the agent itself asks the metadata service
		asm.FnGetCurrentCgroupId.Call(),
		asm.StoreMem(asm.RFP, -16, asm.R0, asm.DWord), // note: cgroup
		asm.LoadMapPtr(asm.R1, maps.agents.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP), asm.Add.Imm(asm.R2, -16),
		asm.FnMapLookupElem.Call(),
		asm.JNE.Imm(asm.R0, 0, "other"),
	)
	code = append(code, unless(addrPort, portWord(config.Metadata.Port()), "refuse")...)
	code = append(code, unless(addrProtocol, unix.IPPROTO_TCP, "refuse")...)
	code = append(code,
		asm.FnKtimeGetNs.Call(),
		asm.StoreMem(asm.RFP, -8, asm.R0, asm.DWord), // note: time
		asm.Mov.Reg(asm.R1, asm.R6),
		asm.FnGetSocketCookie.Call(),
		asm.StoreMem(asm.RFP, -24, asm.R0, asm.DWord), // key
		asm.LoadMapPtr(asm.R1, maps.sockets.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP), asm.Add.Imm(asm.R2, -24),
		asm.Mov.Reg(asm.R3, asm.RFP), asm.Add.Imm(asm.R3, -16),
		asm.Mov.Imm(asm.R4, 0),
		asm.FnMapUpdateElem.Call(),
		asm.JNE.Imm(asm.R0, 0, "refuse"), // without a note it would be nobody's
	)
	code = append(code, setTo(config.Agent, six)...)
	code = append(code, leave("other", allow)...)
	return append(code, leave("refuse", refuse)...)
}

// opening is the program before a connection's first packet: address and port are settled now. A socket that goes straight to the
// agent has no note, and must not find one that an earlier connection from the same address and port left because nobody accepted it:
// in the node's network, where pods share the address, that would make it another pod.
func opening(config Config, maps maps) asm.Instructions {
	code := asm.Instructions{asm.Mov.Reg(asm.R6, asm.R1)}
	code = append(code, unless(opsOp, opsConnecting, "other")...)
	code = append(code, unless(opsRemoteIP4, addressWord(config.Agent.Addr()), "other")...)
	code = append(code, unless(opsRemotePort, remotePortWord(config.Agent.Port()), "other")...)
	return append(code,
		asm.LoadMem(asm.R2, asm.R6, opsLocalIP4, asm.Word), asm.StoreMem(asm.RFP, -16, asm.R2, asm.Word),
		asm.LoadMem(asm.R2, asm.R6, opsLocalPort, asm.Word), asm.StoreMem(asm.RFP, -12, asm.R2, asm.Word),
		asm.LoadMapPtr(asm.R1, maps.connections.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP), asm.Add.Imm(asm.R2, -16),
		asm.FnMapDeleteElem.Call(),
		asm.Mov.Reg(asm.R1, asm.R6),
		asm.FnGetSocketCookie.Call(),
		asm.StoreMem(asm.RFP, -8, asm.R0, asm.DWord),
		asm.LoadMapPtr(asm.R1, maps.sockets.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP), asm.Add.Imm(asm.R2, -8),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "other"),
		asm.Mov.Reg(asm.R3, asm.R0), // the note
		asm.LoadMapPtr(asm.R1, maps.connections.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP), asm.Add.Imm(asm.R2, -16),
		asm.Mov.Imm(asm.R4, 0),
		asm.FnMapUpdateElem.Call(),
		asm.LoadMapPtr(asm.R1, maps.sockets.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP), asm.Add.Imm(asm.R2, -8),
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

// Package hook catches metadata requests where they begin: at connect, in the kernel, before there is a packet (eBPF). It is the
// second way to prove a caller, for networks whose packets netfilter doesn't see; the operator chooses it, nothing falls back to
// it or from it.
//
// Programs on the cgroup above all pods
//
//   - turn a TCP connection to the metadata address into one to the agent's hooked port, also from IPv6 sockets that use the
//     mapped address, and note in which cgroup the caller runs; whatever else goes to the metadata address is refused;
//   - refuse a connection that goes straight to the agent's hooked port, which no note would tell from another's;
//   - note, before the first packet leaves, the address and port from which the connection comes: for pods with networks of their own
//     each under its cgroup, so that one which takes another's address there leaves the other's note alone;
//   - make the socket say that it is connected to the metadata address, which some clients look at.
//
// The agent asks for the note of an accepted connection once, and it is gone. A connection without one isn't proven, and one whose
// cgroup isn't that of a running pod with the connection's address isn't either.
//
// Programs, links and maps are pinned, so that they stay when the agent dies: connections are refused then, and don't reach the
// metadata service. [Install] takes CAP_BPF and CAP_NET_ADMIN; [Open], which reads and writes the pinned maps, takes neither
// from Linux 5.19 on.
//
// It doesn't see who makes packets without connect: raw sockets, and sandboxes with a network stack of their own (gVisor, Kata).
// Where netfilter sees packets, the redirect's rules refuse those; where it doesn't, nothing does.
package hook

// Package redirect sends the pods' traffic for the metadata address to the agent, and keeps it from everything else.
// It is the first thing a packet meets.
//
// One nft table of our own ("inet lanyard") holds:
//
//   - a set of bindings {interface . source address}, one for each pod whose interface and address the container
//     runtime recorded;
//   - prerouting: TCP to the metadata address from a binding in the set goes to the agent's proven port; from anywhere
//     else to the unproven port, where no token is ever given out;
//   - input: the agent's address is reached by redirected connections only, and every single packet to the proven port
//     (not just the first of a connection) has to come from a binding in the set. A pod that forges another's address
//     sends from another interface; a pod that goes takes its open connections with it;
//   - forward: nothing reaches the metadata address past the agent, not even a connection that is older than the rules;
//   - output: sockets below the kubepods cgroup (pods in the node's network) go to the local port, where the socket itself
//     is asked whose it is; the agent's own sockets are excepted. The node's daemons keep the metadata service.
//
// The table is swapped in one transaction and is never removed when the agent stops: without an agent, pods are
// refused. Interfaces are named by index, which the kernel doesn't use again, so a binding can't outlive its interface.
//
// It doesn't hold pods back that are in the node's network and have CAP_NET_RAW, which container runtimes give to root by
// default: packet sockets pass beside netfilter. Such a pod reads the tokens of all pods, which are plain HTTP on the
// node's interfaces, and speaks to the metadata service in the node's name.
//
// On a bridge, packets arrive on the bridge's interface, whoever sent them. There a second table ("bridge lanyard") looks at
// frames: nobody sends from a bound pod's address or Ethernet address, or claims them by ARP, but from that pod's port; nobody
// claims the bridge's own; and an answer of the metadata service leaves by that port alone. Then {bridge . address} means as much
// as {interface . address} elsewhere. What it believes has to be confirmed and is forgotten after a minute, bindings before the
// rest, so that pods that inherit an address while there is no agent have a network.
//
// It doesn't cover networks that bypass netfilter.
package redirect

// Package lab proves the node agent on a real network: the built nmi as a process in a node's network namespace, pods'
// namespaces behind veth pairs, nft rules, cgroups, and a VNet's namespace in which a metadata service answers and notes who
// reached it. The container runtime (over its CRI socket) and the API server (list and watch over TLS) are played by
// hand-written fakes, so that tests can time what they say. Azure's libraries for Go are among the clients, with every connection
// made inside a pod's namespace.
//
// It has no code but tests. They need root and a kernel with nf_tables; without, they fail and say what is missing.
package lab

// Package vnet makes the networks of the clusters: one network namespace per
// virtual network, in which a pure layer 3 fabric joins the nodes.
//
// It stands below clusters and above nothing: it knows addresses, routes and
// namespaces, no Kubernetes.
//
// What it guarantees. The namespace of a VNet has no link to the machine's own
// namespace, so nothing leaks in either direction; what the machine's processes
// want to say inside it, they say through sockets opened there (Listen, Dial).
// A packet is accepted from a node only with a source address that is routed
// to that node (strict reverse path filter). Every call is level-based: it can
// be repeated after a crash at any point and adds only what is missing.
//
// What it doesn't. It does not tell pods of one node apart: inside a node the
// node's own kernel state decides, and the node's agent attests.
package vnet

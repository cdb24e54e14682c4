package vnet

import "net/netip"

// Addresses of the platform, on the loopback interface of every VNet. None of
// them belongs to a user's subnet; nodes and pods reach them by their default
// route.
const (
	metadata = "169.254.169.254"
	platform = "168.63.129.16"
	// The API servers of a VNet have one address each, right behind the
	// platform's: clients in the VNet that may reach the platform can reach
	// them too.
	firstAPIServer = "168.63.129.17"
	lastAPIServer  = "168.63.129.254"
)

// linkPrefix is what the VNet side of a node's link is called, before a hash.
const linkPrefix = "node"

// uplink is what a node calls its only interface to the VNet.
const uplink = "eth0"

// Metadata is where instance metadata is served.
func Metadata() netip.Addr { return netip.MustParseAddr(metadata) }

// Platform is Azure's virtual public address of the platform; the resource
// manager and the token service listen there for nodes and pods.
func Platform() netip.Addr { return netip.MustParseAddr(platform) }

// FirstAPIServer is the lowest address that an API server can have.
func FirstAPIServer() netip.Addr { return netip.MustParseAddr(firstAPIServer) }

// LastAPIServer is the highest.
func LastAPIServer() netip.Addr { return netip.MustParseAddr(lastAPIServer) }

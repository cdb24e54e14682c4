package vnet

import "net/netip"

// Addresses of the platform, on the loopback interface of every VNet. None of
// them belongs to a user's subnet; nodes and pods reach them by their default
// route.
var (
	// Metadata is where instance metadata is served.
	Metadata = netip.MustParseAddr("169.254.169.254")
	// Platform is Azure's virtual public address of the platform; the
	// resource manager and the token service listen there for nodes and pods.
	Platform = netip.MustParseAddr("168.63.129.16")
	// FirstAPIServer and LastAPIServer bound the addresses of the API servers
	// in a VNet, one each, taken right behind the platform's address: clients
	// in the VNet that may reach the platform can reach them too.
	FirstAPIServer = netip.MustParseAddr("168.63.129.17")
	LastAPIServer  = netip.MustParseAddr("168.63.129.254")
)

// linkPrefix is what the VNet side of a node's link is called, before a hash.
const linkPrefix = "node"

// uplink is what a node calls its only interface to the VNet.
const uplink = "eth0"

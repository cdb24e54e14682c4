// Package network is the Microsoft.Network resource provider as far as clusters
// need it: virtual networks and their subnets, and the addresses inside them.
//
// It stands above the provider contract and below compute and containerservice,
// which put machines into its subnets. It describes networks; the namespaces,
// links and routes behind them are internal/clusters' work.
//
// A subnet is stored once, as a child of its network; the network shows its
// subnets inline. Allocate gives parts of a subnet to named owners, for good:
// the same owner gets the same part again, also after a restart, and no address
// is given twice, however many processes allocate at the same time. The first
// four addresses and the last one of a subnet are never given, as on Azure; the
// first is the gateway.
package network

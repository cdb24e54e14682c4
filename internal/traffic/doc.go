// Package traffic gives load balancers their data plane: what ARM's documents say
// becomes rules in the namespaces of virtual networks, and loopback ports of this
// machine lead to public addresses.
//
// It stands above the providers of networks and machines, whose documents it reads,
// and above clusters, which has the namespaces. Nobody calls it: it follows the
// store. Whoever wrote the documents (a cluster's cloud controller manager, az,
// Terraform) gets the same.
//
// What it guarantees. The rules of a virtual network are those of the documents,
// at most moments later, also after a restart of this process. New connections go
// to backends whose probe succeeds; established ones stay where they are. A
// frontend has the ports of its rules and no other.
//
// What it doesn't. Security groups aren't enforced, inbound NAT rules and pools of
// single interfaces carry nothing, IPv6 frontends neither. Outbound rules have no
// effect: nothing leaves a virtual network. The relays on this machine are for TCP.
package traffic

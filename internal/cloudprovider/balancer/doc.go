// Package balancer makes Services of type LoadBalancer what they are in AKS: a
// frontend, rules and probes on the load balancer "kubernetes" (or
// "kubernetes-internal") of the node resource group, with a public address or one
// of a subnet, and the security group's leave.
//
// It stands below cloudprovider; Kubernetes' service controller calls it. Names,
// tags and annotations are those of Azure's cloud provider, as far as they are
// here. All is done with the rights of whoever the credential is: what ARM refuses
// becomes the Service's event, with ARM's own code and words, and is tried again.
//
// What it guarantees. Everything is level-based, and one Service at a time: a call
// that was cut off is repeated and finds what it made. What others have on a load
// balancer or a security group stays. A load balancer is written only as it was
// read (If-Match).
//
// What it doesn't. Addresses of IPv6, several load balancers in a cluster, private
// link services and pools by address (nodeIP) aren't here. Scale sets join a pool
// as a whole.
package balancer

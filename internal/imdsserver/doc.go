// Package imdsserver is the instance metadata service that the cloud's virtual machines reach at 169.254.169.254.
//
// Where it stands: lanyardd opens a listener inside each VNet and serves Server.Handler for that VNet on it. A request
// enters there, and goes down to compute (which machine owns the source address, what identities does its scale set
// carry), to the directory (is the identity still there) and to the token service (an assertion signed by the
// identity's own certificate, exchanged for a token). It is what the node agent meets as "the node's IMDS", so it
// behaves as Azure's does, word for word where clients compare words.
//
// What it guarantees: the caller is told apart by (VNet, source address) alone, which is sound because the VNet's
// fabric accepts a source address only from the interface it is routed to; entitlement is read again on every request,
// so an identity that was detached or deleted is refused at once, whatever the cache holds; every decision on a token
// is recorded, without the token.
//
// What it doesn't: it knows nothing of pods. A pod whose traffic isn't intercepted is its node, as on AKS; keeping
// pods from that is the node agent's work.
package imdsserver

// Package nameserver answers DNS queries from the zones that ARM holds: public
// zones for everybody, private zones inside the virtual networks that are linked
// to them. It is what zones and record sets of Microsoft.Network are for.
//
// It stands beside imdsserver: Book follows the documents of zones, record sets
// and links in the store and keeps them in memory as records, Server speaks the
// protocol (github.com/miekg/dns) on sockets that its caller opens. There are two
// kinds of sockets. On the machine's loopback interface it is an authoritative
// server of the public zones and refuses everything else. Inside a virtual
// network, at 168.63.129.16, it is what resolvers there ask for every name: the
// private zones that are linked to the network, the names of the cloud's own
// services, then the public zones. It asks nobody else, so any other name
// doesn't exist there: a network has no way out.
//
// What it guarantees: an answer reflects every write whose caller has heard of
// success some milliseconds ago; wildcards, empty names on the way to others,
// CNAMEs, delegations and negative answers follow RFC 1034, 2308 and 4592; an
// answer never takes more room than the asker allows; who asks more than a node's
// resolver would gets no answers for a moment, and others theirs. What it doesn't: sign zones,
// transfer them, take updates, or register machines in zones by itself
// (registrationEnabled is kept and nothing more).
package nameserver

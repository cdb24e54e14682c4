// Package compute is the Microsoft.Compute resource provider as far as node
// identities need it: scale sets with the whole of their identity semantics,
// their instances, and an (always empty) list of virtual machines.
//
// It stands above network and managedidentity, which its scale sets refer to, and
// below containerservice, which makes them. It starts no machine: instances are
// made by clusters (EnsureInstance), a scale set that a client creates has none.
//
// An identity belongs to a scale set, never to one instance. Whoever writes a
// scale set needs userAssignedIdentities/assign/action on every identity that the
// request gives a value, and none for one that it removes. A deleted identity
// stays on the set as a dangling reference until it is removed.
//
// Machines is the other side: who has an address in a VNet, and which identities
// its scale set carries now. It answers from an index that a watch keeps, and
// that writes of this process update before their caller hears of success.
package compute

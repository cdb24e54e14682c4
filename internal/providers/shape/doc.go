// Package shape makes resource types of facts: a Kind says what the documents of
// a type look like, what they refer to and what is filled in, and Compile makes
// the type that the pipeline serves. Most of what clients create beside clusters
// (load balancers, disks, registries, zones) is such a document, and a table of
// facts is easier to read and to check than a file of code each.
//
// It stands above the provider contract and managedidentity and below the
// providers, whose tables it compiles.
//
// What it guarantees: properties that nobody here knows stay; defaults fill in
// only what the client left out; members of the server's own survive a PUT that
// echoes, omits or forges them; every reference is authorised (Link), exists, and
// keeps what it refers to from being deleted, in the same transaction and
// whatever process decides (Use). Parts, such as the rules of a security group,
// are elements of their parent's document and children of their own at the same
// time: there is one copy, so the two can't disagree.
//
// What it doesn't: it checks what clients get wrong in practice, not every value
// that the real service would refuse.
package shape

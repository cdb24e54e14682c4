// Package mirror keeps something in memory up to date with a part of the store:
// the role assignments that decisions are made from, the machines that the
// metadata service tells apart by address.
//
// It stands on internal/store and below the providers that own such an index.
// Load reads the part once, and Follow watches it. What this process writes the
// store tells it of by itself (store.Hear), so that whoever wrote sees the effect at
// once and need not wait for the watch.
//
// It guarantees that the owner is told of one change at a time, never of an older
// state of a key after a newer one that a watch has delivered, and that after a
// broken watch everything is read again, so that nothing that was missed stays.
// While the store can't be reached the mirror keeps what it has: it is as old as
// the outage.
package mirror

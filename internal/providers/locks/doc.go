// Package locks is the type Microsoft.Authorization/locks: what keeps resources
// from being deleted (CanNotDelete) or changed at all (ReadOnly), whoever asks.
//
// It stands beside the other providers and mirrors all locks into memory, where
// the pipeline asks for every write, delete and action (Blocking) before a
// provider hears of it. A lock holds for its scope and everything below it; what
// has a locked resource below it can't be deleted either.
//
// Locks bind callers, not the cloud: what a provider does of its own accord in a
// plan isn't held up by them. Managed clusters ask for those of their node resource
// group before they accept a change or a deletion.
package locks

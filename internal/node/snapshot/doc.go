// Package snapshot remembers over a restart of the agent what the API server last said about this node's pods and what they
// may have, so that an agent that starts while the API server is away serves those whom it served before. It stands between the
// watches and the collections that they feed.
//
// It guarantees that what is older than the maximum age is not loaded, that a file that was changed, or belongs to another
// node or mode, isn't either, and that no token and no secret is ever in it: it holds pods' names, labels and accounts, and the
// identities that are bound to them.
//
// It also keeps the time since the API server was last heard, for those who run: see [Store.Age]. Where the sealing key lives:
// docs/adr/0011-snapshot.md.
package snapshot

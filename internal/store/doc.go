// Package store is the floor of the cloud: every state lives in etcd, and this
// is the only package that speaks to it.
//
// Keys are hierarchical paths (/lanyard/resources/subscriptions/…), so a list is
// a range read. An Item's Revision is etcd's mod revision: it is the ETag, and
// Unchanged(key, revision) is If-Match. A Txn applies all of its operations or
// none; those of many at once share a round trip and a sync (group.go). A Watch
// delivers every change after a revision, in order, exactly once; Hear tells of this
// process's own before whoever wrote them goes on.
//
// It guarantees linearizable reads and writes that survive a crash once they
// returned. It doesn't retry: a Txn that ends with a context error may or may
// not have happened, so callers write what can be repeated under the same
// conditions. It doesn't interpret values.
package store

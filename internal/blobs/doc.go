// Package blobs is the data plane of storage accounts: the Blob service's REST API
// at ACCOUNT.blob.core.windows.net, for clients that sign in with Microsoft Entra
// ID.
//
// It stands above the resource provider of storage accounts, whose documents say
// which accounts and containers there are; making a container here makes the same
// document that ARM makes. A blob's record is in etcd, so that an ETag is a
// revision, If-Match a compare in a transaction and a listing a range read; its
// content is a file below the data folder, written and synced before the record
// that names it, and removed after the record that named it. Files that no record
// names, left by a crash, are removed at the next start; blocks that nobody commits,
// a week after the last of them.
//
// What it guarantees: every request is decided by role assignments at the
// container (what is granted at the account, the group or the subscription counts
// as well), conditions on the container's name and the blob's path included, and
// nothing is remembered between two requests: what was revoked is refused by the
// very next one. A blob is seen as it was or as it is, never half.
//
// What it doesn't: shared keys and shared access signatures, leases, snapshots,
// versions, tags, copies, tiers, page and append blobs. A request for one of those
// is refused with an error that says so.
package blobs

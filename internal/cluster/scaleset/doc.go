// Package scaleset keeps the identities of virtual machine scale sets what the
// assigned identities of the cluster say: the last step of mic, the only one
// that talks to Azure Resource Manager.
//
// One work item is one scale set, or one virtual machine that has identities of
// its own (ID); all that is said of scale sets goes for these too. A pass reads the assigned identities
// that name the scale set, GETs it, sends at most what differs in PATCHes of
// 150 identities, and then marks the assigned identities: Assigned once the
// identity is on the scale set and has the client ID that its AzureIdentity
// says, gone once the identity has left. It needs no memory to be right: the
// finalizer on an assigned identity is the record that Azure may hold something
// for it. What it keeps in memory are times: when to try again.
//
// It guarantees: an identity is added for the first user and removed with the
// last one only; identities that no assigned identity put there, those that
// were there before, and protected ones are never removed; one identity that
// Azure refuses doesn't keep the others of its batch from being set; a scale
// set that fails or is throttled delays no other.
//
// It doesn't guarantee that nobody else changes a scale set at the same time,
// beyond If-Match where the service gives an ETag: a pass at every
// reconcile interval repairs what others removed. Machines that a flexible scale
// set makes later have the identities of its model, not those that mic put on
// their siblings; each gets its own when a pod there needs it.
package scaleset

// Package assign keeps the AzureAssignedIdentity objects what the pods,
// bindings and identities of the cluster say: the middle step of mic.
//
// One work item is one pod, by namespace and name. A pass asks match which
// identities the pod is to have, compares with the assigned identities that
// exist for it, and creates, updates or revokes what differs. It talks to the
// Kubernetes API only; whether an identity may be marked Assigned is decided by
// scaleset, except for service principals, which need nothing of Azure.
//
// It guarantees: an assigned identity that is no longer due is marked
// Unassigned and deleted at once, before and independently of anything in
// Azure; two pods never share an object, however their names collide; each
// object carries the finalizer and the scale set from its first write, so that
// nothing in Azure is forgotten if the process dies at any point.
//
// It doesn't look at who made a binding: whoever may create bindings in a
// namespace may give its identities to pods.
package assign

// Package cluster is mic, the controller of standard mode, put together: one
// cache of the cluster's objects, two work queues, a health server and leader
// election.
//
//	pods × bindings × identities ──match──► assign ──AzureAssignedIdentity──► scaleset ──► ARM
//
// assign works on pods, scaleset on scale sets; each change leads to the items
// that it concerns through an index, so the cost of an event doesn't grow with
// the cluster. Standby replicas keep their caches and queues warm and start
// within the lease's time.
package cluster

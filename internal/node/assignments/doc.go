// Package assignments holds the AzureAssignedIdentity objects of this node: what the controller says each pod may have.
// It is fed by a watch, so that an assignment that comes wakes whoever waits for it, and one that goes is felt by the next
// request; what nobody on the node may have any more is reported, so that its tokens can be dropped.
//
// It decides nothing; package grant does.
package assignments

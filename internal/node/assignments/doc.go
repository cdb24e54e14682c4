// Package assignments holds what each pod of this node may have, from one of two sources, fed by watches:
//
//   - [Store], in standard mode: the AzureAssignedIdentity objects of this node, which the controller writes;
//   - [Bound], in managed mode, where there is no controller: the AzureIdentityBinding objects, and the AzureIdentity that
//     each of them names in its own namespace. Somebody else has put the identities on the node.
//
// A change wakes whoever waits for it and is felt by the next request; what nobody may have any more is reported, so that
// its tokens can be dropped. Looking a pod up and entering a change cost the same however many objects there are.
//
// It decides nothing; package grant does. In managed mode whoever may write both kinds of objects in a namespace may give
// its pods any identity that is on the node: there is no controller to refuse it.
package assignments

// Package grant decides what a proven pod may have. It is pure: facts in, decision out, no I/O, no clock of its own.
//
// A pod may have an identity if an AzureAssignedIdentity of this node names the pod, is in state Assigned, is not being
// deleted, and the pod still carries the label that the binding selects; in managed mode, if an AzureIdentityBinding of the
// pod's namespace selects the label and names an AzureIdentity of that namespace. It guarantees that an ambiguous request
// is an error and never somebody's default, that identifiers are compared without regard to case, and that no AzureIdentity
// leads to the nodes' own identity, if the policy names it.
//
// It trusts the assignments: who may write them is the API server's business.
package grant

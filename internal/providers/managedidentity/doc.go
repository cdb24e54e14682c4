// Package managedidentity is the Microsoft.ManagedIdentity resource provider:
// user-assigned identities, and the view of any resource's own identity.
//
// It stands above the provider contract and the directory, where each identity
// has a service principal, and below the types that identities are assigned to.
// An identity and its principal are written, and removed, in one transaction.
//
// Deleting an identity removes its principal and nothing else, as on Azure: role
// assignments stay as orphans, resources that it was assigned to keep a dangling
// reference, tokens that were issued live until they expire. An identity of the
// same name that is made later is another one, with a new principal.
package managedidentity

// Package armid reads and writes Azure resource IDs: the names of scopes,
// resources, child resources and extension resources.
//
//	/                                                             the tenant root
//	/subscriptions/S                                              a subscription
//	/subscriptions/S/resourceGroups/G                             a resource group
//	…/providers/Microsoft.Network/virtualNetworks/V/subnets/N     a (child) resource
//	SCOPE/providers/Microsoft.Authorization/roleAssignments/A     an extension of any of them
//
// It stands at the bottom of the ARM front door and is pure: no I/O, no registry
// of known types. Every parsed ID keeps the casing of names and types that it
// was given; its Key is the one spelling that stands for all casings, used for
// the store and for comparisons. The keywords (subscriptions, resourceGroups,
// providers) are always written in their canonical casing.
//
// It guarantees that Parse(id.String()) gives id again, that two IDs are Equal
// exactly when their keys are, and that no ID holds empty, dot or unprintable
// segments. It doesn't know whether a type exists or a name obeys its rules.
package armid

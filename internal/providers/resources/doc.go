// Package resources is ARM's own provider, Microsoft.Resources: tenants,
// subscriptions, locations, resource groups, the registration of other providers,
// and the list of everything in a group or subscription.
//
// A resource group's deletion is a long-running operation that deletes what the
// group holds, referrers before what they refer to, through each type's own
// Remove and plans. A namespace is registered in every subscription until
// somebody unregisters it.
package resources

// Package providers is the contract between the ARM front door and the resource
// providers, and the registry of their types.
//
// A provider is a folder below this one. It says what its types are (Type) and
// gives functions for what is particular about them; everything else (who may,
// api-versions, ETags, storing, paging, answering, recording) is done by the
// pipeline, in an order that no provider can change or skip:
//
//	authenticate → find the route → authorise → Prepare → linked scopes → Admit → store → respond → record
//
// A minimal type is Namespace, Name, APIVersions and Levels; all functions are
// optional. A write that takes longer than a moment calls Request.Start with the
// name of one of the type's Plans: the operation's record is then written in the
// same transaction as the resource, and arm/ops runs the plan's steps, again
// after a crash, until they succeed or fail.
//
// What a provider keeps in memory about resources is a mirror of the store
// (store/mirror): it is up to date before the caller hears of success.
//
// A provider reads and writes other resources through Resources, which arm/ops
// implements. The package itself does no I/O.
package providers

// Package rbac decides whether a principal may perform an action at a scope,
// as Azure RBAC does: role assignments at the scope or above it, each granting
// the actions of its role less the role's notActions, added together.
//
// It stands below the ARM pipeline, which asks it about every call, and above
// nothing but resource IDs: it does no I/O. The authorization provider keeps an
// Index up to date from the store; a decision is a few map look-ups, one for
// each level of the scope, whatever the number of assignments.
//
// What it guarantees: nothing is allowed that no assignment grants; control
// plane actions never grant data actions. An assignment (or a permission block)
// with a condition grants nothing, because conditions aren't evaluated yet: the
// decision names it, so that the caller can be told.
//
// What it doesn't do: groups are the caller's business (pass every principal
// id), and deny assignments don't exist here yet.
package rbac

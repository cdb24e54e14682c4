// Package rbac decides whether a principal may perform an action at a scope, as
// Azure RBAC does: deny assignments at the scope or above it first, then role
// assignments there, each granting the actions of its role less the role's
// notActions, added together, those with a condition only while it is fulfilled.
//
// It stands below the ARM pipeline, which asks it about every call, and above
// nothing but resource IDs: it does no I/O. The authorization provider keeps an
// Index up to date from the store; a decision is a few map look-ups, one for
// each level of the scope, whatever the number of assignments.
//
// What it guarantees: nothing is allowed that no assignment grants; control
// plane actions never grant data actions; a condition that can't be read or that
// asks for an attribute nobody knows grants nothing (and lifts no prohibition).
// A refusal names what stood in the way, so that the caller can be told.
//
// What it doesn't do: groups are the caller's business (pass every principal id).
package rbac

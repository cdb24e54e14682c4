// Package condition reads and evaluates the conditions of role assignments and
// role definitions (Azure ABAC, version 2.0).
//
// It stands below rbac, which asks for a condition only where a role already
// grants the action, and is pure. Parse refuses what it can't read. Evaluate
// answers in three values: an attribute that the asking service doesn't know
// makes a comparison Unknown, and only True lets an assignment grant anything, so
// that a condition on something that we don't have never opens a door, not even
// under a "not".
//
// Left out are the functions of principals' custom security attributes (a
// caller may supply those as attributes of Principal) and IP address matching.
package condition

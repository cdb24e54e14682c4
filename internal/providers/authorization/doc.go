// Package authorization is the Microsoft.Authorization resource provider: role
// definitions, role assignments at every scope, deny assignments, the caller's own
// permissions, and why somebody may or may not do something (checkAccess).
// It is also the pipeline's authoriser, because whoever holds the assignments
// decides.
//
// Assignments are resources in the store like any other. The provider mirrors
// them into an rbac.Index (and a table, for lists), from which every decision is
// made: a watch brings what other processes write within milliseconds, a write of
// this process counts before its caller hears of success.
//
// It guarantees that no two assignments give the same principal the same role at
// the same scope (a claim in the same transaction sees to it), and that the index
// is complete before the first decision (Load). It doesn't remove assignments
// whose principal is gone: as on Azure they stay as orphans until deleted.
//
// Start with decide.go (what a call is decided by) and assignments.go. Conditions
// are evaluated over what request and scope tell (attributes.go); deny assignments
// are the cloud's own (deny.go), clients only read them, as on Azure.
package authorization

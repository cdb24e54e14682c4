// Package ops writes resources and runs their long-running operations.
//
// It is the only writer of resources. Commit puts a request's resource, the
// operation's record and the provider's own writes into one transaction, so there
// is no resource without its operation and no operation without its resource.
// The worker (Engine.Run) finds records in progress by a watch, owns each through
// a leased key, and runs the plan's steps in order, keeping the number of the
// step and its data in the record.
//
// What it guarantees: a plan that was started ends, in Succeeded, Failed or
// Canceled, whatever process is killed in between; a step runs at least once;
// never do two processes' writes of one operation mix, because each write of a
// run is conditional on the record that it claimed; a delete waits until the
// steps of the operation that it cancelled have returned. It doesn't guarantee
// that a step runs only once: steps are idempotent.
//
// Start with commit.go (how a write is made), then worker.go and run.go.
package ops

// Package groups are az's groups of commands, a file a group.
//
// Each command makes the calls that az makes and returns what az would print. What
// many share stands in arguments.go (arguments that are the same everywhere) and
// resource.go (show, list, delete, update and wait for one type of resource).
package groups

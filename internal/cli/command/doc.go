// Package command is the tree of lanyard's commands: it reads flags and calls
// the packages that do the work.
package command

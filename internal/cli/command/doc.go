// Package command runs command lines: it finds the command in a table, reads its
// arguments, runs it, and prints its answer or its error.
//
// A command is an entry in the table: what it is called, what it takes, what it does.
// Groups of commands live in packages beside this one, a file a group; they get a Call,
// which gives them their arguments, a signed-in client and the terminal, and they return
// a document. Choosing, laying out and printing it is done here, the same for all.
package command

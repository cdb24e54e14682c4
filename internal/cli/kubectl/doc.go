// Package kubectl runs the real kubectl for programs that show or test what a user would see: it waits for what comes
// later, and follows logs.
//
// It guarantees that an error carries what kubectl complained about. It keeps nothing and starts nothing that outlives
// its callers' contexts.
package kubectl

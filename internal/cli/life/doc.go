// Package life are the commands of the cloud on this machine: starting and stopping
// it, looking at it, and working with it.
package life

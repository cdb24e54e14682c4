// Package seal encrypts what must not lie in the store in the clear: private keys
// and the like. Each message gets a key of its own, derived from the master key
// and a random salt, and is bound to a context (where it is stored), so that a
// sealed value moved to another place doesn't open.
//
// It guarantees confidentiality and integrity of values against someone who has
// the database or its backups without the master key file. It doesn't protect
// against someone who reads that file, or the memory of the process.
package seal

// Package record writes what was decided and issued, as one JSON object a line,
// into a file that rotates: who asked for what, what the answer was and why.
//
// An entry is taken before the answer leaves and written at once by a goroutine of
// the log's own: a process that is killed loses the entries of its last moment, one
// that is closed none. The file is private to its owner. No entry has room for a token or a secret: a token
// appears by its ID (uti), a caller by its object ID.
//
// It isn't in the store on purpose: it grows with every request, and it must
// remain when the store is lost. A failing disk doesn't stop the cloud: it is
// logged once a minute.
package record

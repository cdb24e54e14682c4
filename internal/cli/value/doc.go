// Package value holds JSON documents whose objects remember the order of their
// keys.
//
// The order is part of what az prints: a table's columns and a line of tsv follow
// it after --query. Go's maps forget it, so that answers of services are decoded
// into an Object, and everything above (query, print, the commands) works on these
// values: nil, bool, string, json.Number, []any, *Object. A number stays the text
// that the service wrote.
package value

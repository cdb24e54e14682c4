// Package print writes an answer in az's output formats, byte for byte: json with
// sorted keys, the same in colour, tables by az's rules for columns, tab-separated
// values, yaml.
//
// It decides nothing about terminals: the caller says whether colour is wanted.
package print

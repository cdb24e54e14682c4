// Package grammar reads a command line as az reads it.
//
// A command is found by its words; what follows are its arguments and the global
// ones, in any order. Long options may be shortened as far as they stay unambiguous,
// --option=value and -nVALUE are allowed, lists are separated by spaces, @file and @-
// put a file's content in the place of a value. What is wrong with a line is told in
// az's words and ends with exit status 2.
//
// The package is pure but for @file: it knows what commands look like, not what they
// do.
package grammar

// Package secret holds values that must never be printed: client secrets,
// tokens and private keys. Every way in which Go formats or encodes a value
// yields the same placeholder, so a secret can't reach a log, an error or a
// document by accident. Reveal is the one deliberate way out.
//
// It does not protect memory: a core dump still holds the bytes.
package secret

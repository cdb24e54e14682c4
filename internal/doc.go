// Package internal has no code of its own: its tests hold the packages below it to their order, in which a request enters above and
// calls downward only.
package internal

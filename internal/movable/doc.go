// Package movable is a clock that its users can move: what happens after days, such
// as the rotation of a managed identity's certificate or the end of a secret, can
// then be tried in a minute.
//
// It runs with the machine's clock, ahead of it by what it was moved, and only ever
// forward. Timers and tickers that are due at the new time fire at once. How far it
// is ahead is kept in a file, so that a restart doesn't turn time back.
//
// Handler moves it for who may write in the directory. What other programs look at
// with their own clocks, above all TLS certificates, must not follow it.
package movable

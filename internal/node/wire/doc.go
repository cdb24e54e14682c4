// Package wire speaks HTTP/1.1 with pods, and no more of it than metadata clients use: one GET after the other, without a
// body. It stands between the accepted connection and the handlers of serve, which are ordinary http.Handlers.
//
// It takes the place of net/http's server for two reasons. A request that two parsers read in two ways is how paths and
// headers are smuggled past an agent, and everything that net/http tolerates for the sake of old clients is one more such
// way; here a line ends with CR LF, a name is a token, and nothing is folded, guessed or repaired. And a node's pods share
// the agent, so what one connection costs is bounded: one goroutine, one buffer of at most [MaxHead] bytes for what comes in,
// no second goroutine unless a handler waits.
//
// It guarantees that whatever it accepts, net/http reads in the same way (see FuzzHead), that a body is never read, that a
// connection with anything odd on it is closed after its answer, and that the bytes of an answer don't stay in memory.
//
// It isn't a general server: Request.URL and Request.Body are not set, answers are buffered, and there is no HTTP/2,
// no TLS, no upgrade.
package wire

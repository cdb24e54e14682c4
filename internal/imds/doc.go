// Package imds is the wire format of Azure's instance metadata service, as far as managed identities need it: what a
// request means, and what the answers look like. The cloud (which plays the service) and the node agent (which stands
// in front of it) share it, so that a client can't tell one from the other.
//
// In the flow it stands right behind the HTTP server: [Rules.Parse] turns a request into a [Request] once, and nobody
// downstream looks at the raw path or query again.
//
// It guarantees that a Request exists only for an exact, canonical path on the allow-list, with each parameter at most
// once and at most one identity selector; everything doubtful (percent-encodings, backslashes, doubled slashes, dot
// segments, control characters, forwarded requests) is an error. That closes the class of CVE-2022-23551, in which an agent and the
// service behind it read the same path differently.
//
// It does no I/O, knows no clock and decides nothing about who may have what.
package imds

// Package serve answers the pods. Every request walks the same way, and no step can be left out: limits of the HTTP
// server, canonical parsing, proof of the caller, rate limit, entitlement, token, proof and entitlement once more, answer,
// record.
//
// There are two handlers on two ports. [Proven] answers connections that the redirect has let through from a binding; only
// it can give out anything. [Stranger] answers all others with 403, or 503 if it is worth coming back.
//
// It guarantees that an answer with a token was decided on what is known at the moment of writing, that what isn't on the
// allow-list of routes is refused rather than passed on, and that each decision is recorded without any secret.
package serve

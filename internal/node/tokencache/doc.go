// Package tokencache keeps tokens in memory, never on disk. It comes after the decision that the caller may have the
// identity, and knows nothing of callers: two pods with one identity share its tokens.
//
// It guarantees one flight for each (identity, resource, tenant) however many ask, detached from the first one's
// patience; a refresh ahead of time, at a moment with jitter; a token that is still valid when its source is down; and
// that after [Cache.Drop] nothing fetched before is given out or stored.
//
// Failures are not kept: the next caller tries again, at most every moment while an old token can still be given.
package tokencache

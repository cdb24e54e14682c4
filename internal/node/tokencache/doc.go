// Package tokencache keeps tokens in memory, never on disk. It comes after the decision that the caller may have the
// identity, and knows of callers only on whose account a fetch goes: two pods with one identity share its tokens.
//
// It guarantees one flight for each (identity, resource, tenant) however many ask, detached from the first one's
// patience; a refresh ahead of time, at a moment with jitter; a token that is still valid when its source is down; and
// that after [Cache.Drop] nothing fetched before is given out or stored. One owner has few fetches under way; more of his wait
// until those have ended, and nobody else does. One identity has so many tokens and no more: callers name resources.
//
// Failures are kept for half a second, so that a crowd of callers doesn't ask a source that has just refused; an identity
// that is dropped, or is fetched, forgets them. A clock that jumps ahead ends tokens early; one that is set back makes them be
// refreshed at once, and never lets them be given out past their expiry by the clock as it stands.
package tokencache

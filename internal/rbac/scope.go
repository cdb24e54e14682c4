package rbac

import "strings"

const rootKey = "/"

// levels walks the key of a scope from the tenant root down to the scope
// itself: the levels of armid.ID.Scopes, over keys only and without allocating.
// The key must be that of a parsed ID, which is well formed.
type levels struct {
	key  string
	pos  int // where the level that was returned last ends
	part part
}

// part is what the walk passed last.
type part int

const (
	passedNothing      part = iota
	passedRoot              // the tenant root
	passedSubscription      // which may be followed by a group or a location
	passedGroup             // which is followed by a provider
	passedResource          // which is followed by a child, or by a provider
)

// next returns the key of the next level down, or false after the last.
func (l *levels) next() (string, bool) {
	switch {
	case l.part == passedNothing:
		l.part = passedRoot
		if l.key == rootKey {
			l.pos = len(l.key)
		}
		return rootKey, true
	case l.pos >= len(l.key):
		return "", false
	case l.part == passedRoot && l.at("/subscriptions/"):
		l.skip(2)
		l.part = passedSubscription
	case l.part == passedSubscription && (l.at("/resourcegroups/") || l.at("/locations/")):
		l.skip(2)
		l.part = passedGroup
	case l.part == passedResource && !l.at("/providers/"):
		l.skip(2)
	default:
		// The keyword and the namespace; that alone is a provider's registration.
		// The type that follows may itself be called "providers", as in
		// Microsoft.Features.
		l.skip(2)
		l.skip(2)
		l.part = passedResource
	}
	return l.key[:l.pos], true
}

func (l *levels) at(text string) bool { return strings.HasPrefix(l.key[l.pos:], text) }

// skip passes n segments, or what is left.
func (l *levels) skip(n int) {
	for range n {
		if l.pos >= len(l.key) {
			return
		}
		end := strings.IndexByte(l.key[l.pos+1:], '/')
		if end < 0 {
			l.pos = len(l.key)
			return
		}
		l.pos += 1 + end
	}
}

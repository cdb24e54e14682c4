package edge

import (
	"net/url"
	"strings"
)

// locksOf is what follows the scope in the paths of locks by scope.
const locksOf = "/providers/microsoft.authorization/locks"

// encodedScope opens the one form in which ARM's clients send a scope with its
// slashes encoded: armlocks' "/{scope}/providers/Microsoft.Authorization/locks",
// where {scope} is a whole resource ID as one segment. Only that first segment is
// opened, only of its slashes and only when nothing else of the path is encoded:
// what comes out is the path that other clients send, and is read, decided on
// and recorded as such. Every other encoded slash is still refused.
func encodedScope(u *url.URL) {
	if !encodesSlash(u) {
		return
	}
	scope, rest, _ := strings.Cut(strings.TrimPrefix(u.EscapedPath(), "/"), "/")
	rest = "/" + rest
	scope = strings.ReplaceAll(strings.ReplaceAll(scope, "%2F", "/"), "%2f", "/")
	scope = strings.TrimPrefix(scope, "/")
	if strings.Contains(scope+rest, "%") || !strings.HasPrefix(strings.ToLower(scope), "subscriptions/") {
		return
	}
	if lower := strings.ToLower(rest); lower != locksOf && !lock(lower) {
		return
	}
	u.Path, u.RawPath = "/"+scope+rest, ""
}

// lock reports whether what follows the scope, in lower case, names one lock.
func lock(rest string) bool {
	name, ok := strings.CutPrefix(rest, locksOf+"/")
	return ok && name != "" && !strings.Contains(name, "/")
}

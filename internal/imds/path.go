package imds

import (
	"net/http"
	"strings"
)

// Route is a place on the allow-list.
type Route int

// The routes. The zero value is none of them.
const (
	RouteToken        Route = iota + 1 // /metadata/identity/oauth2/token
	RouteIdentityInfo                  // /metadata/identity/info
	RouteInstance                      // /metadata/instance[/…]
	RouteVersions                      // /metadata/versions
)

// String gives a name from a closed set, fit for a metric's label.
func (r Route) String() string {
	switch r {
	case RouteToken:
		return "token"
	case RouteIdentityInfo:
		return "identity_info"
	case RouteInstance:
		return "instance"
	case RouteVersions:
		return "versions"
	default:
		return "none"
	}
}

const (
	maxTarget       = 8 << 10 // bytes of path and query
	maxPath         = 512
	maxPathSegments = 16
)

// canonicalPath checks a raw path and returns it in lower case. A path has one spelling: the service ignores the case
// of ASCII letters and nothing else, and no legitimate path needs any other character, so there is nothing to decode.
func canonicalPath(raw string) (string, *Error) {
	if len(raw) > maxPath || !strings.HasPrefix(raw, "/") {
		return "", invalid("Malformed request path")
	}
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '/', c == '-', c == '_', c == '.':
		default: // among them \ % NUL ; and anything not ASCII
			return "", invalid("Malformed request path")
		}
	}
	if raw == "/" {
		return raw, nil
	}
	segments := 0
	for segment := range strings.SplitSeq(raw[1:], "/") {
		if segments++; segments > maxPathSegments || strings.Trim(segment, ".") == "" { // "//", a trailing slash, dot segments
			return "", invalid("Malformed request path")
		}
	}
	return strings.ToLower(raw), nil
}

// route finds a canonical path on the allow-list; rest is what follows /metadata/instance.
func route(path string) (r Route, rest []string, e *Error) {
	switch path {
	case "/metadata/identity/oauth2/token":
		return RouteToken, nil, nil
	case "/metadata/identity/info":
		return RouteIdentityInfo, nil, nil
	case "/metadata/versions":
		return RouteVersions, nil, nil
	case "/metadata/instance":
		return RouteInstance, nil, nil
	}
	if below, ok := strings.CutPrefix(path, "/metadata/instance/"); ok {
		return RouteInstance, strings.Split(below, "/"), nil
	}
	if strings.HasPrefix(path, "/metadata/identity/") || path == "/metadata/identity" {
		return 0, nil, &Error{
			Status: http.StatusUnauthorized, Code: CodeUnknownSource, Description: "Unknown Source " + path,
		}
	}
	return 0, nil, &Error{Status: http.StatusNotFound, Code: "not_found", Description: "The requested resource is not found"}
}

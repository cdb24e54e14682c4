package imds

import (
	"net/http"
	"net/textproto"
	"slices"
	"strings"
)

// Request is what a client asks for, said once and canonically.
type Request struct {
	Route Route
	// Path is the canonical path, in lower case.
	Path string
	// Below are the segments after /metadata/instance, in lower case.
	Below      []string
	APIVersion string
	Format     string // "json" or "text"; instance category only
	Token      TokenQuery
}

// Rules says in which points a server is stricter or more lenient than the rest. The zero value is Azure's service.
type Rules struct {
	// Hosts, if any, are the only values of the Host header that are answered: a name that someone made to resolve to
	// the service's address is refused (DNS rebinding).
	Hosts []string
	// MissingHeaderCode replaces [CodeMissingHeader] in the answer to a request without "Metadata: true".
	MissingHeaderCode string
	// DefaultAPIVersion is assumed for a token request without api-version; empty makes that an error. The predecessor
	// of our node agent never looked at it, so some pods don't send it.
	DefaultAPIVersion string
}

// Parse reads a request without touching its body. It returns either a Request or an Error.
func (rules Rules) Parse(r *http.Request) (Request, *Error) {
	if e := rules.checkTransport(r); e != nil {
		return Request{}, e
	}
	rawPath, rawQuery, _ := strings.Cut(r.RequestURI, "?")
	if len(r.RequestURI) > maxTarget {
		return Request{}, invalid("Request target is too long")
	}
	path, e := canonicalPath(rawPath)
	if e != nil {
		return Request{}, e
	}
	if e := checkHeaders(r.Header); e != nil {
		return Request{}, e
	}
	if r.Method != http.MethodGet {
		return Request{}, &Error{
			Status: http.StatusMethodNotAllowed, Code: "method_not_allowed", Description: "Method not allowed",
		}
	}
	if values := r.Header["Metadata"]; len(values) != 1 || !strings.EqualFold(values[0], "true") {
		code := rules.MissingHeaderCode
		if code == "" {
			code = CodeMissingHeader
		}
		return Request{}, &Error{
			Status: http.StatusBadRequest, Code: code, Description: "Required metadata header not specified",
		}
	}
	place, below, e := route(path)
	if e != nil {
		return Request{}, e
	}
	params, e := parameters(rawQuery)
	if e != nil {
		return Request{}, e
	}
	return rules.read(Request{Route: place, Path: path, Below: below}, params)
}

// checkTransport refuses what no metadata client sends: other protocol versions, bodies, foreign host names.
func (rules Rules) checkTransport(r *http.Request) *Error {
	if !r.ProtoAtLeast(1, 1) {
		return invalid("HTTP/1.1 is required")
	}
	if r.ContentLength != 0 || len(r.TransferEncoding) > 0 {
		return invalid("A request body is not allowed")
	}
	if len(rules.Hosts) > 0 && !slices.Contains(rules.Hosts, r.Host) {
		return invalid("Unexpected Host header")
	}
	return nil
}

// checkHeaders refuses requests that came through a proxy: a proxy that can be talked into asking the metadata service
// would hand out its own identity (server-side request forgery).
func checkHeaders(header http.Header) *Error {
	for name := range header {
		if name == "Forwarded" || name == "Via" || strings.HasPrefix(name, "X-Forwarded-") {
			return invalid("Requests with a " + textproto.CanonicalMIMEHeaderKey(name) + " header are not served")
		}
	}
	return nil
}

// read fills in what the route needs from the query.
func (rules Rules) read(request Request, params params) (Request, *Error) {
	request.APIVersion = params.get("api-version")
	switch request.Route {
	case RouteToken, RouteIdentityInfo:
		if request.APIVersion == "" {
			request.APIVersion = rules.DefaultAPIVersion
		}
		if request.APIVersion == "" {
			return Request{}, missing("api-version")
		}
		if !wellFormedVersion(request.APIVersion) {
			return Request{}, invalid("Query variable 'api-version' is not a version")
		}
		if request.Route == RouteToken {
			query, e := tokenQuery(params)
			if e != nil {
				return Request{}, e
			}
			request.Token = query
		}
	case RouteInstance:
		if request.APIVersion == "" {
			return Request{}, versionError("api-version was not specified in the request")
		}
		if !KnownVersion(request.APIVersion) {
			return Request{}, versionError("api-version is invalid or not supported")
		}
		switch format := strings.ToLower(params.get("format")); format {
		case "", "json":
			request.Format = "json"
		case "text":
			request.Format = "text"
		default:
			return Request{}, &Error{
				Status: http.StatusBadRequest, Description: "Bad request. Invalid format", NewestVersions: newest(),
			}
		}
	case RouteVersions:
	}
	return request, nil
}

package edge

import (
	"net/http"
	"strings"
)

// HostRoute gives the requests for names of a domain to their own handler: data
// planes, which have a name for each resource.
type HostRoute struct {
	// Suffix is what the names end in, ".azurecr.io". There is something before it.
	Suffix  string
	Handler http.Handler
}

// byHost comes before the limits of ARM's bodies: who has names of its own has
// limits of its own.
func byHost(routes []HostRoute, front http.Handler) http.Handler {
	if len(routes) == 0 {
		return front
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := hostName(r.Host)
		for _, route := range routes {
			if below(name, route.Suffix) {
				route.Handler.ServeHTTP(w, r)
				return
			}
		}
		front.ServeHTTP(w, r)
	})
}

// belongs reports whether a host, with a port or without, is a name below the suffix.
func belongs(host, suffix string) bool { return below(hostName(host), suffix) }

// hostName is a host without its port. It allocates nothing, as it is asked for
// with every request; an IPv6 address keeps its brackets, it is no name.
func hostName(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		host = host[:i]
	}
	return strings.TrimSuffix(host, ".")
}

// below reports whether the name is one below the suffix, in any casing.
func below(name, suffix string) bool {
	at := len(name) - len(suffix)
	return at > 0 && strings.EqualFold(name[at:], suffix)
}

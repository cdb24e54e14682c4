package edge

import (
	"net"
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
		for _, route := range routes {
			if belongs(r.Host, route.Suffix) {
				route.Handler.ServeHTTP(w, r)
				return
			}
		}
		front.ServeHTTP(w, r)
	})
}

// belongs reports whether a host, with a port or without, is a name below the suffix.
func belongs(host, suffix string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	name, ok := strings.CutSuffix(strings.ToLower(strings.TrimSuffix(host, ".")), suffix)
	return ok && name != ""
}

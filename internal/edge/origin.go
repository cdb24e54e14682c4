package edge

import (
	"net/http"
	"net/url"
	"strings"
)

// origins chooses the base URL that a client knows us by.
type origins struct {
	first  string
	byHost map[string]string
}

func newOrigins(configured []string) *origins {
	o := &origins{byHost: map[string]string{}}
	for _, text := range configured {
		text = strings.TrimSuffix(text, "/")
		if o.first == "" {
			o.first = text
		}
		if u, err := url.Parse(text); err == nil {
			o.byHost[normalHost(u.Host)] = text
		}
	}
	return o
}

// of returns the configured origin that the request's Host header names, or the
// default one: a header never becomes part of a link.
func (o *origins) of(r *http.Request) string {
	if origin, ok := o.byHost[normalHost(r.Host)]; ok {
		return origin
	}
	return o.first
}

func normalHost(host string) string { return strings.ToLower(strings.TrimSuffix(host, ":443")) }

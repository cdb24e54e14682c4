package pipeline_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/lanyard-project/lanyard/internal/arm/pipeline"
)

// FuzzQuery asks for lists with any query string: the answer is a list, or says what is wrong with the question.
func FuzzQuery(f *testing.F) {
	w := newWorld(f)
	for _, seed := range []string{
		"api-version=2021-04-01", "API-Version=2021-04-01&$top=1", "api-version=2021-04-01&$filter=tagName%20eq%20'a'", "api-version=2021-04-01&%24filter=resourceType%20eq%20'",
		"api-version=2021-04-01&$skiptoken=eyJhIjoxfQ", "api-version=2021-04-01&$top=-1", "api-version=", "api-version=2021-04-01&api-version=x", "%zz&api-version=2021-04-01", "api-version=2021-04-01&$expand=\x00",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		query, _ := url.ParseQuery(raw) // as net/http gives it: what can't be read is left out
		for _, path := range []string{"/subscriptions", sub + "/resourceGroups", sub + "/resources", sub + "/resourceGroups/g/providers/Toys.Test/balls"} {
			r := w.pipeline.Handle(t.Context(), pipeline.Call{
				Method: http.MethodGet, Path: path, Query: query, Header: http.Header{"Authorization": {"Bearer owner"}}, Body: strings.NewReader(""), Origin: origin, RequestID: "r",
			})
			if r.Status != http.StatusOK && (r.Status < 400 || r.Status > 499) {
				t.Errorf("GET %s?%s: %d", path, raw, r.Status)
			}
			if !query.Has("api-version") && r.Status == http.StatusOK && !strings.Contains(strings.ToLower(raw), "api-version") {
				t.Errorf("GET %s?%s was answered without an api-version", path, raw)
			}
		}
	})
}

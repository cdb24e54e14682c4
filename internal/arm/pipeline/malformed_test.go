package pipeline_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/lanyard-project/lanyard/internal/arm/pipeline"
)

// TestMalformedRequestsLeaveTheProcessHealthy sends ten thousand requests that no
// client means: each gets an error of the caller's, and afterwards everything works.
func TestMalformedRequestsLeaveTheProcessHealthy(t *testing.T) {
	w := newWorld(t)
	group := w.group(t, "g")
	random := rand.New(rand.NewPCG(1, 2)) // the same ten thousand every time
	methods := []string{"GET", "HEAD", "PUT", "PATCH", "DELETE", "POST", "TRACE", "", "G\x00T"}
	pieces := []string{
		"subscriptions", subscription, "resourceGroups", "g", "providers", "Toys.Test", "balls", "boxes", "b", "..", ".", "", "%2f", "%00", "\x00", "\xff",
		"Microsoft.Authorization", strings.Repeat("a", 300), "' or 1=1", "$filter", "operationresults", "locations", "operations", "open", "ü", "a b",
	}
	queries := []string{"api-version", "$filter", "$top", "$skiptoken", "$expand", "API-VERSION", "", "\x00"}
	values := []string{version, "2021-04-01", "", "x", "-1", "99999999999999999999", "a eq 'b", strings.Repeat("(", 2000), "\xff", "eyJhIjoxfQ", "tagName eq 'a' and tagValue eq"}
	bodies := []string{
		"", "{", "null", "[]", `"x"`, `{"location":7}`, `{"location":"eastus","tags":[]}`, `{"properties":[]}`, `{"location":"eastus","Location":"westus"}`, "\xff\xfe",
		strings.Repeat("[", 20000), `{"identity":{"type":{}}}`, `{"tags":{"":""}}`, `{"location":"eastus","properties":{"in":"/x"}}`, `{"a":1e999999}`, `{"sku":null,"zones":"1"}`,
	}
	pick := func(from []string) string { return from[random.IntN(len(from))] }
	for i := range 10000 {
		var path strings.Builder
		if random.IntN(3) > 0 {
			path.WriteString(group + "/providers/Toys.Test/")
		}
		for range random.IntN(9) {
			path.WriteString("/" + pick(pieces))
		}
		query := url.Values{}
		for range random.IntN(4) {
			query.Add(pick(queries), pick(values))
		}
		if random.IntN(2) == 0 {
			query.Set("api-version", version)
		}
		header := http.Header{"Authorization": {"Bearer owner"}}
		if random.IntN(8) == 0 {
			header.Set("Authorization", pick([]string{"", "Bearer", "Bearer  ", "Bearer forged", "\x00", strings.Repeat("x", 9000)}))
		}
		if random.IntN(4) == 0 {
			header.Set(pick([]string{"If-Match", "If-None-Match", "Content-Type", "x-ms-client-request-id"}), pick(values))
		}
		r := w.pipeline.Handle(t.Context(), pipeline.Call{
			Method: pick(methods), Path: path.String(), Query: query, Header: header, Body: strings.NewReader(pick(bodies)), Origin: origin, RequestID: fmt.Sprint(i),
		})
		if r.Status < 200 || r.Status >= 500 {
			t.Fatalf("request %d: status %d for %q?%s", i, r.Status, path.String(), query.Encode())
		}
	}
	w.want(t, w.do(t, "PUT", group+"/providers/Toys.Test/balls/after", `{"location":"eastus"}`), 201)
	w.want(t, w.do(t, "GET", group+"/providers/Toys.Test/balls/after", ""), 200)
}

package edge

import (
	"context"
	"net/http"
	"strings"

	"github.com/google/uuid"
	"k8s.io/utils/clock"
)

// routingRegion is the region that x-ms-routing-request-id names. It tells
// nothing; clients that parse the header want three parts.
const routingRegion = "LOCAL"

type idsKey struct{}

// ids are a request's names, for headers, records and logs.
type ids struct{ request, correlation string }

func idsOf(r *http.Request) ids {
	found, _ := r.Context().Value(idsKey{}).(ids)
	return found
}

// requestIDs names every request, and echoes the client's own name if it asks.
func requestIDs(clk clock.PassiveClock, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		named := ids{request: uuid.NewString(), correlation: r.Header.Get("x-ms-correlation-request-id")}
		if _, err := uuid.Parse(named.correlation); err != nil {
			named.correlation = named.request
		}
		header := w.Header()
		header.Set("x-ms-request-id", named.request)
		header.Set("x-ms-correlation-request-id", named.correlation)
		header.Set("x-ms-routing-request-id", routingRegion+":"+clk.Now().UTC().Format("20060102T150405Z")+":"+named.request)
		if client := r.Header.Get("x-ms-client-request-id"); client != "" && len(client) <= 128 &&
			strings.EqualFold(r.Header.Get("x-ms-return-client-request-id"), "true") {
			header.Set("x-ms-client-request-id", client)
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), idsKey{}, named)))
	})
}

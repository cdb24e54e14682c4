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

// Names of headers, as net/http keeps them: any other spelling is made into this
// one with every request.
const (
	requestHeader       = "X-Ms-Request-Id"
	correlationHeader   = "X-Ms-Correlation-Request-Id"
	routingHeader       = "X-Ms-Routing-Request-Id"
	clientHeader        = "X-Ms-Client-Request-Id"
	returnClientsHeader = "X-Ms-Return-Client-Request-Id"
)

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
		named := ids{request: uuid.NewString(), correlation: r.Header.Get(correlationHeader)}
		if _, err := uuid.Parse(named.correlation); err != nil {
			named.correlation = named.request
		}
		header := w.Header()
		header.Set(requestHeader, named.request)
		header.Set(correlationHeader, named.correlation)
		header.Set(routingHeader, routingRegion+":"+clk.Now().UTC().Format("20060102T150405Z")+":"+named.request)
		if client := r.Header.Get(clientHeader); client != "" && len(client) <= 128 &&
			strings.EqualFold(r.Header.Get(returnClientsHeader), "true") {
			header.Set(clientHeader, client)
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), idsKey{}, named)))
	})
}

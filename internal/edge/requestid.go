package edge

import (
	"net/http"
	"strings"
	"time"

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

// ids are a request's names, for records and logs.
type ids struct{ request, correlation string }

// idsOf reads them where requestIDs has written them: in the head of the answer.
func idsOf(w http.ResponseWriter) ids {
	header := w.Header()
	return ids{request: header.Get(requestHeader), correlation: header.Get(correlationHeader)}
}

// requestIDs names every request, and echoes the client's own name if it asks.
func requestIDs(clk clock.PassiveClock, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		named := ids{request: uuid.NewString(), correlation: r.Header.Get(correlationHeader)}
		if uuid.Validate(named.correlation) != nil {
			named.correlation = named.request
		}
		header := w.Header()
		values := []string{named.request, named.correlation, routingID(clk.Now(), named.request)}
		header[requestHeader], header[correlationHeader], header[routingHeader] = values[0:1:1], values[1:2:2], values[2:3:3]
		if client := r.Header.Get(clientHeader); client != "" && len(client) <= 128 &&
			strings.EqualFold(r.Header.Get(returnClientsHeader), "true") {
			header.Set(clientHeader, client)
		}
		next.ServeHTTP(w, r)
	})
}

// routingID names the region, the time and the request.
func routingID(at time.Time, request string) string {
	var buf [96]byte
	out := append(append(buf[:0], routingRegion...), ':')
	out = at.UTC().AppendFormat(out, "20060102T150405Z")
	return string(append(append(out, ':'), request...))
}

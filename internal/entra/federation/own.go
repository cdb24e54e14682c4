package federation

import (
	"bytes"
	"io"
	"net/http"
	"strings"
)

// transport asks our own hosts in process and all others over the network.
type transport struct {
	own     map[string]http.Handler
	network http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	handler, ok := t.own[strings.ToLower(r.URL.Host)]
	if !ok {
		return t.network.RoundTrip(r)
	}
	served := r.Clone(r.Context())
	served.Host, served.RequestURI, served.RemoteAddr, served.Body = r.URL.Host, r.URL.RequestURI(), "in process", http.NoBody
	answer := &recorder{header: http.Header{}, status: http.StatusOK}
	handler.ServeHTTP(answer, served)
	return &http.Response{
		Status: http.StatusText(answer.status), StatusCode: answer.status, Header: answer.header, Request: r,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: io.NopCloser(&answer.body), ContentLength: int64(answer.body.Len()),
	}, nil
}

// recorder keeps a handler's answer.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(p []byte) (int, error) { return r.body.Write(p) }

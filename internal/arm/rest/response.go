package rest

import (
	"encoding/json"
	"maps"
	"net/http"
	"strconv"
	"time"
)

// Response is an answer that hasn't been written yet.
type Response struct {
	Status int
	Header http.Header
	// Body is encoded as JSON; nil means an empty body.
	Body any
}

// OK answers 200 with a body.
func OK(body any) Response { return Response{Status: http.StatusOK, Body: body} }

// Empty answers with a status alone.
func Empty(status int) Response { return Response{Status: status} }

// With returns the response with a header set.
func (r Response) With(key, value string) Response {
	header := maps.Clone(r.Header)
	if header == nil {
		header = make(http.Header, 2)
	}
	header.Set(key, value)
	r.Header = header
	return r
}

// WithRetryAfter returns the response with the number of seconds after which a
// client should ask again; at least one.
func (r Response) WithRetryAfter(wait time.Duration) Response {
	return r.With("Retry-After", RetryAfter(wait))
}

// RetryAfter writes a wait as the header wants it: whole seconds, at least one.
func RetryAfter(wait time.Duration) string {
	return strconv.Itoa(max(1, int((wait+time.Second-1)/time.Second)))
}

// Page is a part of a list.
type Page struct {
	Value    []json.RawMessage `json:"value"`
	NextLink string            `json:"nextLink,omitempty"`
}

// Encode writes the page as JSON without reading its members again.
func (p Page) Encode() ([]byte, error) {
	size := len(p.NextLink) + 64
	for _, member := range p.Value {
		size += len(member) + 1
	}
	out := append(make([]byte, 0, size), `{"value":[`...)
	for i, member := range p.Value {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, member...)
	}
	out = append(out, ']')
	if p.NextLink != "" {
		link, err := json.Marshal(p.NextLink)
		if err != nil {
			return nil, err
		}
		out = append(append(out, `,"nextLink":`...), link...)
	}
	return append(out, '}'), nil
}

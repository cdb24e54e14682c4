package rest

import (
	"encoding/json"
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
	header := r.Header.Clone()
	if header == nil {
		header = http.Header{}
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

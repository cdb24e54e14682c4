package rest

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"
)

// Error is an ARM error: what a client did wrong or why a call can't be served.
// It is returned as an ordinary error and rendered once, at the edge.
type Error struct {
	Status  int // HTTP status
	Code    string
	Message string
	Target  string
	Details []Error
	// AdditionalInfo is what clients print beside the message, such as a policy's violation.
	AdditionalInfo []AdditionalInfo
	// Flat renders code and message without the "error" envelope, as AKS does.
	Flat bool
	// RetryAfter, where set, becomes a Retry-After header in whole seconds.
	RetryAfter time.Duration
	// Header holds further headers, such as WWW-Authenticate.
	Header http.Header
}

// AdditionalInfo is a typed addition to an error.
type AdditionalInfo struct {
	Type string `json:"type"`
	Info any    `json:"info"`
}

// NewError makes an error that has no constructor of its own.
func NewError(status int, code, message string) *Error {
	return &Error{Status: status, Code: code, Message: message}
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// WithTarget returns the error with the name of the wrong property.
func (e *Error) WithTarget(target string) *Error {
	out := *e
	out.Target = target
	return &out
}

// WithHeader returns the error with a header added.
func (e *Error) WithHeader(key, value string) *Error {
	out := *e
	out.Header = out.Header.Clone()
	if out.Header == nil {
		out.Header = http.Header{}
	}
	out.Header.Set(key, value)
	return &out
}

// Document is the error as it stands inside other documents: an operation's
// status, an error's details.
type Document struct {
	Code           string           `json:"code"`
	Message        string           `json:"message"`
	Target         string           `json:"target,omitempty"`
	Details        []Document       `json:"details,omitempty"`
	AdditionalInfo []AdditionalInfo `json:"additionalInfo,omitempty"`
}

// Document returns the error's document, without envelope.
func (e *Error) Document() Document {
	d := Document{Code: e.Code, Message: e.Message, Target: e.Target, AdditionalInfo: e.AdditionalInfo}
	for i := range e.Details {
		d.Details = append(d.Details, e.Details[i].Document())
	}
	return d
}

// MarshalJSON writes the body of an error response.
func (e *Error) MarshalJSON() ([]byte, error) {
	if e.Flat {
		return json.Marshal(e.Document())
	}
	return json.Marshal(struct {
		Error Document `json:"error"`
	}{e.Document()})
}

// AsError finds the ARM error in err's chain. Anything else is our own failure:
// it becomes an InternalServerError whose text says nothing of err, because
// errors may name files, addresses or keys.
func AsError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return InternalServerError()
}

// HasCode reports whether err is an ARM error with the code.
func HasCode(err error, code string) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == code
}

// IsNotFound reports whether err is an ARM error with status 404.
func IsNotFound(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Status == http.StatusNotFound
}

package imds

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// Error codes of the identity category, as clients see them in the "error" field.
const (
	CodeInvalidRequest  = "invalid_request"
	CodeMissingHeader   = "bad_request_102"
	CodeInvalidResource = "invalid_resource"
	CodeUnknownSource   = "unknown_source"
	CodeAccessDenied    = "access_denied"
	CodeUnknown         = "unknown"
	CodeUnavailable     = "temporarily_unavailable"
	CodeTooManyRequests = "too_many_requests"
)

// Texts that clients look for.
const (
	IdentityNotFound   = "Identity not found"
	MultipleIdentities = "Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the token request"
)

// Error is an answer other than 200, in the service's JSON form. It is a value; the server renders it once.
type Error struct {
	Status      int
	Code        string
	Description string
	// RetryAfter, if positive, becomes a Retry-After header in whole seconds, rounded up.
	RetryAfter time.Duration
	// NewestVersions makes it an error of the instance category, which has another shape.
	NewestVersions []string
}

// Error gives the code and the description on one line.
func (e *Error) Error() string { return e.Code + ": " + e.Description }

// Body is the JSON document of the error.
func (e *Error) Body() []byte {
	var doc any
	if e.NewestVersions != nil {
		doc = struct {
			Error    string   `json:"error"`
			Versions []string `json:"newest-versions"`
		}{e.Description, e.NewestVersions}
	} else {
		doc = struct {
			Error       string `json:"error"`
			Description string `json:"error_description"`
		}{e.Code, e.Description}
	}
	body, err := json.Marshal(doc)
	if err != nil { // strings always encode
		panic(err)
	}
	return body
}

// Render writes the error as the response.
func (e *Error) Render(w http.ResponseWriter) {
	header := w.Header()
	header.Set("Content-Type", ContentTypeJSON)
	header.Set("Cache-Control", "no-store")
	if e.RetryAfter > 0 {
		seconds := (e.RetryAfter + time.Second - 1) / time.Second
		header.Set("Retry-After", strconv.FormatInt(int64(seconds), 10))
	}
	w.WriteHeader(e.Status)
	_, _ = w.Write(e.Body())
}

// NotFound is the answer for an identity that isn't there. Clients search the description for the service's own words,
// so those come first and the reason, which tells the pod's owner what to fix, follows in parentheses.
func NotFound(reason string) *Error {
	description := IdentityNotFound
	if reason != "" {
		description += " (" + reason + ")"
	}
	return &Error{Status: http.StatusBadRequest, Code: CodeInvalidRequest, Description: description}
}

// Ambiguous is the answer when several user-assigned identities fit and the request names none.
func Ambiguous() *Error {
	return &Error{Status: http.StatusBadRequest, Code: CodeInvalidRequest, Description: MultipleIdentities}
}

// Forbidden is the answer for a caller that can't be told.
func Forbidden(reason string) *Error {
	return &Error{Status: http.StatusForbidden, Code: CodeAccessDenied, Description: reason}
}

// Unavailable asks the client to come back.
func Unavailable(reason string, after time.Duration) *Error {
	return &Error{Status: http.StatusServiceUnavailable, Code: CodeUnavailable, Description: reason, RetryAfter: after}
}

// TooMany tells a client that it asks too often.
func TooMany(after time.Duration) *Error {
	return &Error{
		Status: http.StatusTooManyRequests, Code: CodeTooManyRequests,
		Description: "Too many requests, slow down", RetryAfter: after,
	}
}

// InvalidResource is the answer when the token service doesn't know the audience; message is its own.
func InvalidResource(message string) *Error {
	return &Error{Status: http.StatusBadRequest, Code: CodeInvalidResource, Description: message}
}

// TokenFailure is the answer when the token service could not be reached or failed.
func TokenFailure() *Error {
	return &Error{
		Status: http.StatusInternalServerError, Code: CodeUnknown,
		Description: "Failed to retrieve token from the Active directory. For details see logs of the metadata service",
	}
}

func invalid(description string) *Error {
	return &Error{Status: http.StatusBadRequest, Code: CodeInvalidRequest, Description: description}
}

func missing(parameter string) *Error {
	return invalid("Required query variable '" + parameter + "' is missing")
}

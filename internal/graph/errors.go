package graph

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/lanyard-project/lanyard/internal/tokens"
)

// Error is a refusal in Graph's words.
type Error struct {
	Status  int
	Code    string
	Message string
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// envelope is how Graph writes an error; clients print code and message, and
// support asks for the rest.
type envelope struct {
	Error struct {
		Code       string     `json:"code"`
		Message    string     `json:"message"`
		InnerError innerError `json:"innerError"`
	} `json:"error"`
}

type innerError struct {
	Date            string `json:"date"`
	RequestID       string `json:"request-id"`
	ClientRequestID string `json:"client-request-id"`
}

func (e *Error) document(now time.Time, request, client string) envelope {
	var document envelope
	document.Error.Code, document.Error.Message = e.Code, e.Message
	document.Error.InnerError = innerError{Date: now.UTC().Format("2006-01-02T15:04:05"), RequestID: request, ClientRequestID: client}
	return document
}

func invalidToken(message string) *Error {
	return &Error{http.StatusUnauthorized, "InvalidAuthenticationToken", message}
}

// refusedToken says what is wrong with a token, and nothing about a forged one.
func refusedToken(err error) *Error {
	var bad *tokens.Error
	if errors.As(err, &bad) {
		switch bad.Kind {
		case tokens.Expired:
			return invalidToken("Lifetime validation failed, the token is expired.")
		case tokens.NotYetValid:
			return invalidToken("Lifetime validation failed, the token is not valid yet.")
		case tokens.WrongAudience:
			return invalidToken("Access token validation failure. Invalid audience.")
		case tokens.KeyGone:
			return invalidToken("Continuous access evaluation resulted in challenge with result: InteractionRequired and code: TokenIssuedBeforeRevocationTimestamp")
		}
	}
	return invalidToken("Access token validation failure.")
}

func denied() *Error {
	return &Error{http.StatusForbidden, "Authorization_RequestDenied", "Insufficient privileges to complete the operation."}
}

// quotaExceeded is what who isn't an administrator gets who has made too much.
func quotaExceeded() *Error {
	return &Error{http.StatusForbidden, "Directory_QuotaExceeded",
		"The directory object quota limit for the Principal has been exceeded. Please ask your administrator to increase the quota limit or delete objects to reduce the used quota."}
}

func notFound(id string) *Error {
	return &Error{http.StatusNotFound, "Request_ResourceNotFound",
		fmt.Sprintf("Resource '%s' does not exist or one of its queried reference-property objects are not present.", id)}
}

func unknownSegment(path string) *Error {
	return &Error{http.StatusBadRequest, "BadRequest", fmt.Sprintf("Resource not found for the segment '%s'.", strings.TrimPrefix(path, "/v1.0/"))}
}

func methodNotAllowed(method string) *Error {
	return &Error{http.StatusMethodNotAllowed, "Request_BadRequest", fmt.Sprintf("The method '%s' is not supported on this resource.", method)}
}

func badRequest(format string, args ...any) *Error {
	return &Error{http.StatusBadRequest, "Request_BadRequest", fmt.Sprintf(format, args...)}
}

// unsupported is for what Graph may know and we don't, or what neither does.
func unsupported(format string, args ...any) *Error {
	return &Error{http.StatusBadRequest, "Request_UnsupportedQuery", fmt.Sprintf(format, args...)}
}

func failed() *Error {
	return &Error{http.StatusInternalServerError, "InternalServerError", "The request could not be processed. The server's log says why."}
}

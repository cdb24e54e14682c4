package blobs

import (
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/lanyard-project/lanyard/internal/arm/pipeline"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/tokens"
)

// failure is an error as the Blob service words it.
type failure struct {
	status        int
	code, message string
	detail        string // why a token wasn't taken
	challenge     string // where to sign in
}

func (f *failure) Error() string { return f.code + ": " + f.message }

func fail(status int, code, message string) *failure {
	return &failure{status: status, code: code, message: message}
}

func invalidHeader(name, value string) *failure {
	return fail(http.StatusBadRequest, "InvalidHeaderValue", fmt.Sprintf("The value for one of the HTTP headers is not in the correct format: %s: %q.", name, value))
}

func unsupported(what string) *failure {
	return fail(http.StatusBadRequest, "FeatureNotSupported", "This Blob service doesn't offer "+what+".")
}

func containerNotFound() *failure {
	return fail(http.StatusNotFound, "ContainerNotFound", "The specified container does not exist.")
}

func blobNotFound() *failure {
	return fail(http.StatusNotFound, "BlobNotFound", "The specified blob does not exist.")
}

// notAllowed is what a caller without the right role gets, whatever it asked for.
func notAllowed() *failure {
	return fail(http.StatusForbidden, "AuthorizationPermissionMismatch", "This request is not authorized to perform this operation using this permission.")
}

// unproven refuses a request that says nothing, or nothing good, about its caller.
func unproven(authority, authorization string, bad *pipeline.BadToken, now time.Time) *failure {
	f := fail(http.StatusUnauthorized, "InvalidAuthenticationInfo", "Server failed to authenticate the request. Please refer to the information in the www-authenticate header.")
	f.challenge = fmt.Sprintf("Bearer authorization_uri=%s/oauth2/authorize resource_id=https://storage.azure.com", authority)
	switch {
	case bad == nil && authorization == "":
		f.code = "NoAuthenticationInformation"
	case bad == nil:
		return fail(http.StatusForbidden, "AuthenticationFailed",
			"Server failed to authenticate the request. This Blob service takes tokens of Microsoft Entra ID only, neither shared keys nor shared access signatures.")
	case bad.Problem == pipeline.ExpiredToken:
		f.detail = "Lifetime validation failed. The token is expired."
	case bad.Problem == pipeline.WrongAudience:
		f.detail = "Audience validation failed. Audience did not match."
	case bad.Problem == pipeline.WrongTenant:
		f.detail = "Issuer validation failed. Issuer did not match."
	case bad.Problem == pipeline.RevokedToken:
		f.detail = "Signature validation failed. The key that signed the token is out of use: get a new token."
		// SDKs look for claims among values in quotation marks only.
		f.challenge = fmt.Sprintf(`Bearer authorization_uri="%s/oauth2/authorize", resource_id="https://storage.azure.com", %s`, authority, tokens.InsufficientClaims(now))
	default:
		f.detail = "Signature validation failed."
	}
	return f
}

// write renders an error; one that is ours stays in the log.
func (s *Service) write(w http.ResponseWriter, r *http.Request, err error) {
	var f *failure
	if !errors.As(err, &f) {
		var refused *rest.Error
		if errors.As(err, &refused) {
			f = fail(refused.Status, refused.Code, refused.Message)
		} else {
			s.Log.ErrorContext(r.Context(), "a blob request failed", "method", r.Method, "error", err)
			f = fail(http.StatusInternalServerError, "InternalError", "Server encountered an internal error. Please try again after some time.")
		}
	}
	header := w.Header()
	header.Set("x-ms-error-code", f.code)
	if f.challenge != "" {
		header.Set("WWW-Authenticate", f.challenge)
	}
	if r.Method == http.MethodHead || f.status == http.StatusNotModified {
		w.WriteHeader(f.status)
		return
	}
	body := struct {
		XMLName xml.Name `xml:"Error"`
		Code    string   `xml:"Code"`
		Message string   `xml:"Message"`
		Detail  string   `xml:"AuthenticationErrorDetail,omitempty"`
	}{
		Code:    f.code,
		Message: fmt.Sprintf("%s\nRequestId:%s\nTime:%s", f.message, header.Get("x-ms-request-id"), s.Clock.Now().UTC().Format("2006-01-02T15:04:05.0000000Z")),
		Detail:  f.detail,
	}
	writeXML(w, f.status, body)
}

func writeXML(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(xml.Header)) // a client that went away
	_ = xml.NewEncoder(w).Encode(body)
}

// httpTime is a time as headers have it.
func httpTime(t time.Time) string { return t.UTC().Format(http.TimeFormat) }

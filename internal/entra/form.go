package entra

import (
	"encoding/base64"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/lanyard-project/lanyard/internal/secret"
)

// maxForm bounds a token request's body: an assertion with its certificate chain fits.
const maxForm = 64 << 10

// readForm reads a token request from the wire. The query is never looked at:
// credentials don't belong into URLs, which end in logs.
func readForm(r *http.Request) (Request, *Error) {
	if r.Method != http.MethodPost {
		return Request{}, onlyPOST(r.Method)
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxForm+1))
	if err != nil || len(body) > maxForm {
		return Request{}, malformed()
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		body = nil // Entra then misses the parameters, not the content type
	}
	return parseForm(string(body), r.Header.Get("Authorization"))
}

// parseForm reads body and HTTP Basic credentials.
func parseForm(body, authorization string) (Request, *Error) {
	form, err := url.ParseQuery(body)
	if err != nil {
		return Request{}, malformed()
	}
	for name, values := range form {
		if len(values) > 1 {
			return Request{}, parameterTwice(name)
		}
		if !utf8.ValidString(name) || !utf8.ValidString(values[0]) {
			return Request{}, malformed()
		}
	}
	request := Request{
		GrantType: form.Get("grant_type"), ClientID: form.Get("client_id"), Resource: form.Get("resource"), Scope: form.Get("scope"),
		Secret: secret.New(form.Get("client_secret")), AssertionType: form.Get("client_assertion_type"), Assertion: secret.New(form.Get("client_assertion")),
		Username: form.Get("username"), Password: secret.New(form.Get("password")), Code: secret.New(form.Get("code")), RedirectURI: form.Get("redirect_uri"),
		Verifier: secret.New(form.Get("code_verifier")), Refresh: secret.New(form.Get("refresh_token")), DeviceCode: secret.New(form.Get("device_code")),
	}
	if request.GrantType == deviceGrantShort {
		request.GrantType = deviceGrant
	}
	if request.DeviceCode.IsZero() && request.GrantType == deviceGrant {
		request.DeviceCode = request.Code // as the v1 endpoint calls it
	}
	clientID, password, ok, refused := basic(authorization)
	if refused != nil {
		return Request{}, refused
	}
	if !ok {
		return request, nil
	}
	if request.ClientID != "" && request.ClientID != clientID || !request.Secret.IsZero() {
		return Request{}, malformed() // two ways at once, which RFC 6749 forbids
	}
	request.ClientID, request.Secret = clientID, password
	return request, nil
}

// basic reads client_id:secret, each form-encoded (RFC 6749, 2.3.1).
func basic(authorization string) (clientID string, password secret.String, ok bool, refused *Error) {
	scheme, encoded, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Basic") {
		return "", secret.String{}, false, nil
	}
	decoded, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	if err != nil {
		return "", secret.String{}, false, malformed()
	}
	user, text, found := strings.Cut(string(decoded), ":")
	if !found {
		return "", secret.String{}, false, malformed()
	}
	clientID, err = url.QueryUnescape(user)
	if err != nil {
		return "", secret.String{}, false, malformed()
	}
	value, err := url.QueryUnescape(text)
	if err != nil || !utf8.ValidString(clientID) || !utf8.ValidString(value) {
		return "", secret.String{}, false, malformed()
	}
	return clientID, secret.New(value), true, nil
}

package entra

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func FuzzParseForm(f *testing.F) {
	f.Add("grant_type=client_credentials&client_id=a&client_secret=b&scope=c", "")
	f.Add("scope=a&scope=b", "Basic YTpi")
	f.Add("%zz=%", "basic !")
	f.Add("a;b=c", "Bearer x")
	f.Fuzz(func(t *testing.T, body, authorization string) {
		request, refused := parseForm(body, authorization)
		if refused != nil {
			if request.ClientID != "" || !request.Secret.IsZero() {
				t.Error("a refused form leaves something behind")
			}
			return
		}
		for _, text := range []string{request.GrantType, request.ClientID, request.Resource, request.Scope, request.Secret.Reveal()} {
			if !utf8.ValidString(text) {
				t.Errorf("%q is no text", text)
			}
		}
		if resource, refused := resourceOfScope(request.Scope); refused == nil && (resource == "" || strings.ContainsAny(resource, " \t\n")) {
			t.Errorf("scope %q asks for %q", request.Scope, resource)
		}
	})
}

func FuzzParseAssertion(f *testing.F) {
	f.Add("")
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Add("eyJhbGciOiJSUzI1NiIsIng1dCI6IkFBQUEifQ.eyJpc3MiOiJhIiwic3ViIjoiYSIsImF1ZCI6WyJiIl0sImV4cCI6MX0.AAAA")
	f.Add("eyJhbGciOiJSUzI1NiIsIng1dCNTMjU2IjoxfQ.eyJleHAiOiIxIn0.AAAA")
	f.Fuzz(func(t *testing.T, raw string) {
		parsed, refused := parseAssertion(raw)
		if refused != nil {
			return
		}
		if strings.Count(raw, ".") != 2 || parsed.claims.Issuer == "" || len(parsed.claims.Audience) == 0 {
			t.Errorf("accepted %q", raw)
		}
		if until, ok := seconds(parsed.claims.Expires); ok && until.IsZero() {
			t.Errorf("no expiry in %q", raw)
		}
	})
}

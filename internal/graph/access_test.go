package graph_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/lanyard-project/lanyard/internal/graph"
	"github.com/lanyard-project/lanyard/internal/tokens"
)

// paths are all operations that there are, and some that aren't.
func (c *cloud) paths() []string {
	all := []string{"GET /v1.0/unknown", "PUT /v1.0/users/x", "GET /v1.0/servicePrincipals/" + c.admin.ObjectID, "GET /v1.0/applications/" + c.admin.ApplicationObjectID}
	for _, pattern := range graph.Patterns(c.service) {
		if pattern != "/" {
			all = append(all, regexp.MustCompile(`\{\w+\}`).ReplaceAllString(pattern, c.admin.ObjectID))
		}
	}
	return all
}

// Nothing is answered, not even whether a path exists, without a good token.
func TestTokensAreRequired(t *testing.T) {
	c := start(t)
	expired := c.token(t, c.admin, c.origin+"/")
	head, _, _ := strings.Cut(c.bearer, ".")
	for name, bearer := range map[string]string{
		"none":             "",
		"rubbish":          "rubbish",
		"forged":           c.bearer[:strings.LastIndex(c.bearer, ".")+1] + "AAAA",
		"alg none":         "eyJhbGciOiJub25lIn0" + strings.TrimPrefix(c.bearer, head),
		"for ARM":          c.token(t, c.admin, "https://management.azure.com/"),
		"for Storage":      c.token(t, c.admin, "https://storage.azure.com/"),
		"managed identity": c.token(t, c.identity, c.origin+"/"),
	} {
		want, code := 401, "InvalidAuthenticationToken"
		if name == "managed identity" {
			want, code = 403, "Authorization_RequestDenied"
		}
		for _, call := range c.paths() {
			method, path, _ := strings.Cut(call, " ")
			if got := c.do(t, method, c.origin+path, bearer, "{}"); got.status != want || got.code() != code {
				t.Errorf("%s, %s: %d %v", name, call, got.status, got.body)
			}
		}
	}
	for _, audience := range []string{"https://graph.microsoft.com", "https://graph.microsoft.com/", "https://168.63.129.16/", c.origin} {
		if got := c.do(t, http.MethodGet, c.origin+"/v1.0/users", c.token(t, c.admin, audience), ""); got.status != 200 {
			t.Errorf("a token for %s: %v", audience, got)
		}
	}
	trusted := c.token(t, c.identity, c.origin+"/", "Directory.Read.All")
	if got := c.do(t, http.MethodGet, c.origin+"/v1.0/servicePrincipals", trusted, ""); got.status != 200 {
		t.Errorf("a managed identity with a role for it: %v", got)
	}
	c.clock.Step(48 * time.Hour)
	if got := c.do(t, http.MethodGet, c.origin+"/v1.0/users", expired, ""); got.status != 401 || !strings.Contains(got.message(), "expired") {
		t.Errorf("expired: %v", got)
	}
}

// A tenant's principals are nobody else's business, however they are asked for.
func TestOtherTenantsAreNotSeen(t *testing.T) {
	c := start(t)
	stranger, err := c.directory.CreateApplication(t.Context(), uuid.NewString(), "stranger")
	if err != nil {
		t.Fatal(err)
	}
	for _, filter := range []string{
		"displayName eq 'stranger'", "appId eq '" + stranger.AppID + "'", "id eq '" + stranger.ObjectID + "'",
		"servicePrincipalNames/any(c:c eq '" + stranger.AppID + "')", "startswith(displayName,'s')",
	} {
		if got := c.list(t, "servicePrincipals", filter); got.status != 200 || len(got.names()) != 0 {
			t.Errorf("%s: %v", filter, got.body)
		}
	}
	if got := c.list(t, "applications", "displayName eq 'stranger'"); len(got.names()) != 0 {
		t.Error(got.body)
	}
	for _, path := range []string{"servicePrincipals/" + stranger.ObjectID, "applications/" + stranger.ApplicationObjectID, "directoryObjects/" + stranger.ObjectID} {
		if got := c.get(t, "/v1.0/"+path); got.status != 404 {
			t.Errorf("%s: %v", path, got.body)
		}
	}
	body := `{"ids":["` + stranger.ObjectID + `"]}`
	if got := c.do(t, http.MethodPost, c.origin+"/v1.0/directoryObjects/getByIds", c.bearer, body); len(got.names()) != 0 {
		t.Error(got.body)
	}
}

// Clients keep tokens until they expire: one whose key was dropped is refused so that they get another by themselves.
func TestTokensOfADroppedKeyAreChallenged(t *testing.T) {
	c := start(t)
	head, rest, _ := strings.Cut(c.bearer, ".")
	raw, err := base64.RawURLEncoding.DecodeString(head)
	if err != nil {
		t.Fatal(err)
	}
	var header map[string]any
	if err := json.Unmarshal(raw, &header); err != nil {
		t.Fatal(err)
	}
	header["kid"] = "dropped"
	if raw, err = json.Marshal(header); err != nil {
		t.Fatal(err)
	}
	for bearer, want := range map[string]bool{base64.RawURLEncoding.EncodeToString(raw) + "." + rest: true, "rubbish": false} {
		got := c.do(t, http.MethodGet, c.origin+"/v1.0/users", bearer, "")
		challenge := got.header.Get("WWW-Authenticate")
		if got.status != http.StatusUnauthorized || !strings.Contains(challenge, "/common/oauth2/authorize\"") || strings.Contains(challenge, tokens.InsufficientClaims(c.clock.Now())) != want {
			t.Errorf("%d %s, %s; to be replaced: %t", got.status, got.message(), challenge, want)
		}
	}
}

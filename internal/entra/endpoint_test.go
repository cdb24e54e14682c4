package entra_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAnswersHaveTheShapesOfTheirEndpoint(t *testing.T) {
	clock := fakeClock()
	c := start(t, clock)
	form := c.form("scope", arm+".default openid offline_access profile", "client_info", "1")
	v2 := c.post(t, c.v2(), form)
	if v2.status != 200 || v2.body["token_type"] != "Bearer" || len(v2.body) != 4 {
		t.Fatalf("v2: %d %v", v2.status, v2.body)
	}
	if n, ok := v2.body["expires_in"].(float64); !ok || n < 3599 || n >= 5400 || v2.body["ext_expires_in"] != n {
		t.Errorf("v2: %v", v2.body)
	}
	for name, want := range map[string]string{
		"Cache-Control": "no-store, no-cache", "Pragma": "no-cache", "Content-Type": "application/json; charset=utf-8",
		"X-Content-Type-Options": "nosniff", "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
	} {
		if got := v2.header.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}

	v1 := c.post(t, c.v1(), c.form("scope", "", "resource", arm))
	if v1.status != 200 || v1.body["resource"] != arm || len(v1.body) != 7 {
		t.Fatalf("v1: %d %v", v1.status, v1.body)
	}
	for _, name := range []string{"expires_in", "ext_expires_in", "expires_on", "not_before"} {
		if _, ok := v1.body[name].(string); !ok {
			t.Errorf("v1: %s is a %T", name, v1.body[name])
		}
	}
	if v1.body["not_before"] != fmt.Sprint(clock.Now().Add(-5*time.Minute).Unix()) {
		t.Errorf("v1: not_before %v", v1.body["not_before"])
	}

	adfs := c.post(t, "/adfs/oauth2/token", c.form("scope", "https://management.core.windows.net//.default", "claims", `{"access_token":{}}`))
	if _, ok := adfs.body["expires_in"].(float64); adfs.status != 200 || !ok {
		t.Fatalf("adfs: %d %v", adfs.status, adfs.body)
	}
	if _, claims := c.read(t, adfs.body["access_token"].(string)); claims["aud"] != "https://management.core.windows.net/" || claims["tid"] != c.tenant.ID {
		t.Errorf("adfs: %v", claims)
	}
}

func TestBasicAuthenticationAndDomainNames(t *testing.T) {
	c := start(t, fakeClock())
	for name, path := range map[string]string{"by ID": c.v2(), "by domain": "/lanyard.local/oauth2/v2.0/token"} {
		form := c.form("client_id", "", "client_secret", "")
		r, err := http.NewRequestWithContext(t.Context(), "POST", c.origin+path, strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
		r.SetBasicAuth(c.app.AppID, url.QueryEscape(c.app.Secret.Reveal()))
		if got := c.do(t, r); got.status != 200 {
			t.Errorf("%s: %d %v", name, got.status, got.body)
		}
	}
}

func TestApplicationAsResourceGetsV2Tokens(t *testing.T) {
	c := start(t, fakeClock())
	api, err := c.directory.CreateApplication(t.Context(), c.tenant.ID, "api")
	if err != nil {
		t.Fatal(err)
	}
	got := c.post(t, c.v2(), c.form("scope", "api://"+api.AppID+"/.default"))
	if got.status != 200 {
		t.Fatalf("%d %v", got.status, got.body)
	}
	header, claims := c.read(t, got.body["access_token"].(string))
	if claims["aud"] != api.AppID || claims["ver"] != "2.0" || claims["iss"] != c.origin+"/"+c.tenant.ID+"/v2.0" || claims["azp"] != c.app.AppID || claims["azpacr"] != "1" {
		t.Errorf("%v", claims)
	}
	if _, ok := header.ExtraHeaders["x5t"]; ok {
		t.Error("a v2 token has x5t")
	}
}

func TestRefusalsAreEntras(t *testing.T) {
	clock := fakeClock()
	c := start(t, clock)
	expired, err := c.directory.AddSecret(t.Context(), c.app.ObjectID, "short", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	clock.Step(time.Hour)
	const unknown = "99999999-9999-9999-9999-999999999999"
	for _, test := range []struct {
		name   string
		path   string
		form   url.Values
		status int
		oauth  string
		code   int
		text   string
		noURI  bool
	}{
		{name: "unknown tenant", path: "/" + unknown + "/oauth2/v2.0/token", status: 400, oauth: "invalid_request", code: 90002, text: "Tenant '" + unknown + "' not found."},
		{name: "no tenant", path: "/x/oauth2/v2.0/token", status: 400, oauth: "invalid_request", code: 900023, text: "Specified tenant identifier 'x' is neither"},
		{name: "common", path: "/common/oauth2/v2.0/token", status: 400, oauth: "invalid_request", code: 50059, text: "No tenant-identifying"},
		{name: "empty form", form: url.Values{}, status: 400, oauth: "invalid_request", code: 900144, text: "'grant_type'."},
		{name: "unknown grant", form: c.form("grant_type", "magic"), status: 400, oauth: "unsupported_grant_type", code: 70003, text: "'magic'.", noURI: true},
		{name: "no client", form: c.form("client_id", ""), status: 400, oauth: "invalid_request", code: 900144, text: "'client_id'."},
		{name: "client zero", form: c.form("client_id", "00000000-0000-0000-0000-000000000000"), status: 400, oauth: "unauthorized_client", code: 700038, text: "is not a valid application identifier.", noURI: true},
		{name: "client unknown", form: c.form("client_id", unknown), status: 400, oauth: "unauthorized_client", code: 700016, text: "'" + unknown + "' was not found in the directory 'Lanyard'"},
		{name: "client no GUID", form: c.form("client_id", "x/../y"), status: 400, oauth: "unauthorized_client", code: 700016, text: "was not found"},
		{name: "no scope", form: c.form("scope", ""), status: 400, oauth: "invalid_request", code: 900144, text: "'scope'."},
		{name: "no resource", path: c.v1(), status: 400, oauth: "invalid_request", code: 900144, text: "'resource'."},
		{name: "resource at v2", form: c.form("resource", arm), status: 400, oauth: "invalid_request", code: 901002, text: "The 'resource' request parameter isn't supported."},
		{name: "scope without .default", form: c.form("scope", arm+"user_impersonation"), status: 400, oauth: "invalid_scope", code: 1002012, text: "must have a scope value with /.default"},
		{name: "only OpenID scopes", form: c.form("scope", "openid profile"), status: 400, oauth: "invalid_scope", code: 70011, text: "is not valid."},
		{name: "two resources", form: c.form("scope", arm+".default https://vault.azure.net/.default"), status: 400, oauth: "invalid_scope", code: 28002, text: "scope"},
		{name: "unknown resource", form: c.form("scope", "https://evil.example/.default"), status: 400, oauth: "invalid_resource", code: 500011, text: "The resource principal named https://evil.example was not found in the tenant named " + c.tenant.ID},
		{name: "resource like a known one", form: c.form("scope", "https://evil.example/.blob.core.windows.net/.default"), status: 400, oauth: "invalid_resource", code: 500011},
		{name: "wrong secret", form: c.form("client_secret", "x"), status: 401, oauth: "invalid_client", code: 7000215, text: "for a secret added to app '" + c.app.AppID + "'."},
		{name: "expired secret", form: c.form("client_secret", expired.Value.Reveal()), status: 401, oauth: "invalid_client", code: 7000222, text: "are expired."},
		{name: "no credential", form: c.form("client_secret", ""), status: 401, oauth: "invalid_client", code: 7000218, text: "'client_assertion' or 'client_secret'."},
		{name: "two credentials", form: c.form("client_assertion", "x"), status: 400, oauth: "invalid_request", code: 9002313},
		{name: "assertion without type", form: c.form("client_secret", "", "client_assertion", "x"), status: 400, oauth: "invalid_request", code: 900144, text: "'client_assertion_type'."},
		{name: "parameter twice", form: url.Values{"scope": {"a", "b"}}, status: 400, oauth: "invalid_request", code: 9000411, text: "The parameter 'scope' is duplicated."},
		{name: "huge", form: c.form("x", strings.Repeat("x", 1<<20)), status: 400, oauth: "invalid_request", code: 9002313},
		{name: "unknown resource, wrong secret: only clients learn what exists", form: c.form("client_secret", "x", "scope", "https://evil.example/.default"), status: 401, oauth: "invalid_client", code: 7000215},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.path == "" {
				test.path = c.v2()
			}
			if test.form == nil {
				test.form = c.form()
			}
			got := c.post(t, test.path, test.form)
			if got.status != test.status || got.body["error"] != test.oauth || !cmp.Equal(got.body["error_codes"], []any{float64(test.code)}) {
				t.Errorf("%d %v", got.status, got.body)
			}
			description, _ := got.body["error_description"].(string)
			whole := regexp.MustCompile(`^AADSTS\d+: .* Trace ID: [0-9a-f-]{36} Correlation ID: [0-9a-f-]{36} Timestamp: 2026-01-01 01:00:00Z$`)
			if !whole.MatchString(description) || !strings.Contains(description, test.text) || !strings.HasPrefix(description, fmt.Sprintf("AADSTS%d: ", test.code)) {
				t.Errorf("description: %s", description)
			}
			if got.body["timestamp"] != "2026-01-01 01:00:00Z" || got.body["trace_id"] != got.header.Get("x-ms-request-id") || got.body["correlation_id"] == "" {
				t.Errorf("%v", got.body)
			}
			if _, has := got.body["error_uri"]; has == test.noURI {
				t.Errorf("error_uri: %v", got.body["error_uri"])
			}
			if strings.Contains(got.raw, c.app.Secret.Reveal()) {
				t.Error("the answer holds the secret")
			}
		})
	}
	get := c.get(t, c.v2())
	if get.status != 405 || !cmp.Equal(get.body["error_codes"], []any{900561.0}) || get.header.Get("Allow") != "POST" {
		t.Errorf("GET: %d %v", get.status, get.body)
	}
	c.flush()
	recorded, err := os.ReadFile(c.record)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(recorded), c.app.Secret.Reveal()) || strings.Count(string(recorded), "\n") < 20 {
		t.Error("the record holds a secret, or not every refusal")
	}
}

func TestCorrelationIDIsTheClients(t *testing.T) {
	c := start(t, fakeClock())
	const id = "12345678-1234-1234-1234-123456789abc"
	r, err := http.NewRequestWithContext(t.Context(), "POST", c.origin+c.v2(), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("client-request-id", id)
	r.Header.Set("return-client-request-id", "true")
	if got := c.do(t, r); got.body["correlation_id"] != id || got.header.Get("client-request-id") != id {
		t.Errorf("%v", got.body)
	}
}

func TestDiscoveryNamesTheOriginThatWasAsked(t *testing.T) {
	c := start(t, fakeClock())
	ask := func(path, host string) answer {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), "GET", c.origin+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if host != "" {
			r.Host = host
		}
		return c.do(t, r)
	}
	tid := c.tenant.ID
	for _, test := range []struct{ path, host, issuer, endpoint string }{
		{"/" + tid + "/v2.0/.well-known/openid-configuration", "", c.origin + "/" + tid + "/v2.0", c.origin + "/" + tid + "/oauth2/v2.0/token"},
		{"/" + tid + "/.well-known/openid-configuration", "", c.origin + "/" + tid + "/", c.origin + "/" + tid + "/oauth2/token"},
		{"/lanyard.local/v2.0/.well-known/openid-configuration", "", c.origin + "/" + tid + "/v2.0", c.origin + "/" + tid + "/oauth2/v2.0/token"},
		{"/common/v2.0/.well-known/openid-configuration", "", c.origin + "/{tenantid}/v2.0", c.origin + "/common/oauth2/v2.0/token"},
		{"/adfs/.well-known/openid-configuration", "", c.origin + "/adfs", c.origin + "/adfs/oauth2/token"},
		{"/adfs/lanyard.local/.well-known/openid-configuration", "", c.origin + "/" + tid + "/", c.origin + "/" + tid + "/oauth2/token"},
		{"/" + tid + "/v2.0/.well-known/openid-configuration", "168.63.129.16", alias + "/" + tid + "/v2.0", alias + "/" + tid + "/oauth2/v2.0/token"},
		{"/" + tid + "/v2.0/.well-known/openid-configuration", "evil.example", c.origin + "/" + tid + "/v2.0", c.origin + "/" + tid + "/oauth2/v2.0/token"},
	} {
		got := ask(test.path, test.host)
		if got.status != 200 || got.body["issuer"] != test.issuer || got.body["token_endpoint"] != test.endpoint || got.body["authorization_endpoint"] == nil {
			t.Errorf("%s at %s: %d %v", test.path, test.host, got.status, got.body)
		}
		if got.header.Get("Cache-Control") != "max-age=86400, private" || got.header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%v", got.header)
		}
	}
	unknown := ask("/99999999-9999-9999-9999-999999999999/v2.0/.well-known/openid-configuration", "")
	if unknown.status != 400 || unknown.body["error"] != "invalid_tenant" || !cmp.Equal(unknown.body["error_codes"], []any{90002.0}) {
		t.Errorf("%d %v", unknown.status, unknown.body)
	}

	for path, want := range map[string]int{"/adfs/nowhere.example/.well-known/openid-configuration": 400, "/elsewhere/lanyard.local/.well-known/openid-configuration": 404} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.origin+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := c.client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("%s: %d", path, response.StatusCode)
		}
	}

	set := ask("/common/discovery/keys", "")
	published, _ := set.body["keys"].([]any)
	if len(published) != 2 {
		t.Fatalf("%v", set.body)
	}
	first, _ := published[0].(map[string]any)
	der, err := base64.StdEncoding.DecodeString(first["x5c"].([]any)[0].(string))
	if err != nil || len(der) == 0 || first["kid"] != first["x5t"] || first["kid"] != c.ring.Signing().ID || first["e"] != "AQAB" {
		t.Errorf("%v, %v", first, err)
	}

	trusted := ask("/common/discovery/instance?api-version=1.1&authorization_endpoint="+url.QueryEscape(c.origin+"/"+tid+"/oauth2/v2.0/authorize"), "")
	if trusted.body["tenant_discovery_endpoint"] != c.origin+"/"+tid+"/v2.0/.well-known/openid-configuration" {
		t.Errorf("%v", trusted.body)
	}
	foreign := ask("/common/discovery/instance?authorization_endpoint="+url.QueryEscape("https://evil.example/common/oauth2/v2.0/authorize"), "")
	if foreign.status != 400 || foreign.body["error"] != "invalid_instance" {
		t.Errorf("%d %v", foreign.status, foreign.body)
	}
}

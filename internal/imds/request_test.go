package imds_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lanyard-project/lanyard/internal/imds"
)

const tokenPath = "/metadata/identity/oauth2/token"

func get(target string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.RequestURI = target
	r.Host = "169.254.169.254"
	r.Header.Set("Metadata", "true")
	return r
}

func TestParse(t *testing.T) {
	const arm = "https://management.azure.com/"
	const prefix = tokenPath + "?api-version=2018-02-01&resource=https%3A%2F%2Fmanagement.azure.com%2F"
	token := func(s imds.Selector) imds.Request {
		return imds.Request{
			Route: imds.RouteToken, Path: tokenPath, APIVersion: "2018-02-01",
			Token: imds.TokenQuery{Resource: arm, Selector: s},
		}
	}
	for _, test := range []struct {
		name   string
		target string
		want   imds.Request
	}{
		{"no selector", prefix, token(imds.Selector{})},
		{"client_id", prefix + "&client_id=A", token(imds.Selector{Kind: imds.SelectClientID, Value: "A"})},
		{"object_id", prefix + "&object_id=A", token(imds.Selector{Kind: imds.SelectObjectID, Value: "A"})},
		{"principal_id", prefix + "&principal_id=A", token(imds.Selector{Kind: imds.SelectObjectID, Value: "A"})},
		{"msi_res_id", prefix + "&msi_res_id=/x", token(imds.Selector{Kind: imds.SelectResourceID, Value: "/x"})},
		{"mi_res_id", prefix + "&mi_res_id=/x", token(imds.Selector{Kind: imds.SelectResourceID, Value: "/x"})},
		{"names in another case", strings.Replace(prefix, "resource", "Resource", 1) + "&Client_ID=A",
			token(imds.Selector{Kind: imds.SelectClientID, Value: "A"})},
		{"path in another case", "/Metadata/Identity/OAuth2/Token" + strings.TrimPrefix(prefix, tokenPath), token(imds.Selector{})},
		{"bypass_cache and authority", prefix + "&bypass_cache=True&authority=t", imds.Request{
			Route: imds.RouteToken, Path: tokenPath, APIVersion: "2018-02-01",
			Token: imds.TokenQuery{Resource: arm, Authority: "t", BypassCache: true},
		}},
		{"instance", "/metadata/instance?api-version=2017-08-01", imds.Request{
			Route: imds.RouteInstance, Path: "/metadata/instance", APIVersion: "2017-08-01", Format: "json",
		}},
		{"instance leaf", "/metadata/instance/compute/vmId?api-version=2021-02-01&format=text", imds.Request{
			Route: imds.RouteInstance, Path: "/metadata/instance/compute/vmid", Below: []string{"compute", "vmid"},
			APIVersion: "2021-02-01", Format: "text",
		}},
		{"identity info", "/metadata/identity/info?api-version=2018-02-01", imds.Request{
			Route: imds.RouteIdentityInfo, Path: "/metadata/identity/info", APIVersion: "2018-02-01",
		}},
		{"versions", "/metadata/versions", imds.Request{Route: imds.RouteVersions, Path: "/metadata/versions"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, e := imds.Rules{}.Parse(get(test.target))
			if e != nil {
				t.Fatal(e)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	const query = "?api-version=2018-02-01&resource=r"
	with := func(change func(*http.Request)) *http.Request {
		r := get(tokenPath + query)
		change(r)
		return r
	}
	for _, test := range []struct {
		name    string
		request *http.Request
		status  int
		body    string // a part of it
	}{
		{"no metadata header", with(func(r *http.Request) { r.Header.Del("Metadata") }), 400,
			`{"error":"bad_request_102","error_description":"Required metadata header not specified"}`},
		{"metadata header false", with(func(r *http.Request) { r.Header.Set("Metadata", "false") }), 400, "bad_request_102"},
		{"metadata header twice", with(func(r *http.Request) { r.Header.Add("Metadata", "true") }), 400, "bad_request_102"},
		{"X-Forwarded-For", with(func(r *http.Request) { r.Header.Set("X-Forwarded-For", "1.2.3.4") }), 400, "X-Forwarded-For"},
		{"X-Forwarded-Host", with(func(r *http.Request) { r.Header.Set("X-Forwarded-Host", "h") }), 400, "X-Forwarded-Host"},
		{"Forwarded", with(func(r *http.Request) { r.Header.Set("Forwarded", "for=1.2.3.4") }), 400, "Forwarded"},
		{"Via", with(func(r *http.Request) { r.Header.Set("Via", "1.1 proxy") }), 400, "Via"},
		{"POST", with(func(r *http.Request) { r.Method = http.MethodPost }), 405, "Method not allowed"},
		{"body", with(func(r *http.Request) { r.ContentLength = 3 }), 400, "body"},
		{"chunked body", with(func(r *http.Request) { r.ContentLength, r.TransferEncoding = -1, []string{"chunked"} }), 400, "body"},
		{"HTTP/1.0", with(func(r *http.Request) { r.ProtoMinor = 0 }), 400, "HTTP/1.1"},
		{"resource missing", get(tokenPath + "?api-version=2018-02-01"), 400,
			`{"error":"invalid_request","error_description":"Required query variable 'resource' is missing"}`},
		{"api-version missing", get(tokenPath + "?resource=r"), 400,
			`{"error":"invalid_request","error_description":"Required query variable 'api-version' is missing"}`},
		{"api-version odd", get(tokenPath + "?api-version=2018&resource=r"), 400, "api-version"},
		{"instance api-version missing", get("/metadata/instance"), 400,
			`{"error":"Bad request. api-version was not specified in the request. For more information refer to aka.ms/azureimds","newest-versions":["2023-07-01"`},
		{"instance api-version unknown", get("/metadata/instance?api-version=1999-01-01"), 400, "newest-versions"},
		{"instance format unknown", get("/metadata/instance?api-version=2021-02-01&format=xml"), 400, "format"},
		{"two selectors", get(tokenPath + query + "&client_id=a&object_id=b"), 400, "Only one of"},
		{"an alias beside its name", get(tokenPath + query + "&msi_res_id=a&mi_res_id=a"), 400, "Only one of"},
		{"empty selector", get(tokenPath + query + "&client_id="), 400, "is empty"},
		{"parameter twice", get(tokenPath + query + "&resource=s"), 400, "more than once"},
		{"parameter twice in another case", get(tokenPath + query + "&RESOURCE=s"), 400, "more than once"},
		{"selector twice", get(tokenPath + query + "&client_id=a&client_id=b"), 400, "more than once"},
		{"broken escape in the query", get(tokenPath + query + "&client_id=%zz"), 400, "Malformed query"},
		{"semicolon in the query", get(tokenPath + query + ";client_id=a"), 400, "Malformed query"},
		{"NUL in the query", get(tokenPath + query + "&client_id=a%00b"), 400, "Malformed query"},
		{"newline in the query", get(tokenPath + query + "&client_id=a%0d%0ab"), 400, "Malformed query"},
		{"value too long", get(tokenPath + query + "&client_id=" + strings.Repeat("a", 2049)), 400, "Malformed query"},
		{"target too long", get(tokenPath + query + "&x=" + strings.Repeat("a", 9000)), 400, "too long"},
		{"elsewhere under identity", get("/metadata/identity/oauth2" + query), 401, "unknown_source"},
		{"attested document", get("/metadata/attested/document?api-version=2021-02-01"), 404, "not found"},
		{"the predecessor's host token", get("/host/token?resource=r"), 404, "not found"},
		{"root", get("/"), 404, "not found"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, e := imds.Rules{}.Parse(test.request)
			if e == nil {
				t.Fatal("the request was accepted")
			}
			if e.Status != test.status || !strings.Contains(string(e.Body()), test.body) {
				t.Errorf("got %d %s, want %d …%s…", e.Status, e.Body(), test.status, test.body)
			}
		})
	}
}

// The predecessor matched paths by regular expressions and proxied what didn't match, so that a path which only the
// service behind it took for the token path gave any identity of the node to any pod.
func TestPathTricks_CVE_2022_23551(t *testing.T) {
	for _, path := range []string{
		`/metadata/identity\oauth2\token`, `/metadata\identity\oauth2\token`, `\metadata\identity\oauth2\token`,
		"/metadata/identity%2foauth2%2ftoken", "/metadata/identity%5Coauth2%5Ctoken", "/metadata/identity/oauth2/%74oken",
		"/metadata/identity/oauth2//token", "//metadata/identity/oauth2/token", "/metadata//identity/oauth2/token",
		"/metadata/instance/../identity/oauth2/token", "/metadata/./identity/oauth2/token",
		"/metadata/instance/..%2fidentity/oauth2/token", "/metadata/instance/.../identity",
		"/metadata/identity/oauth2/token/", "/metadata/identity/oauth2/token;x=y", "/metadata/identity/oauth2/token%00",
		"/metadata/identity/oauth2/token\x00", "/metadata/identity/oauth2/token%20", "/metadata/identity/oauth2/tokén",
		"http://169.254.169.254/metadata/identity/oauth2/token", "http:///metadata/identity/oauth2/token",
		"metadata/identity/oauth2/token", "*", "", "/metadata/identity/oauth2/token#x",
		"/metadata/identity/oauth2/to\u212Aen", // the Kelvin sign folds to k in Unicode, not here
	} {
		if got, e := (imds.Rules{}).Parse(get(path + "?api-version=2018-02-01&resource=r")); e == nil {
			t.Errorf("%q is served as %v", path, got.Route)
		} else if e.Status != http.StatusBadRequest {
			t.Errorf("%q: status %d, want 400", path, e.Status)
		}
	}
	for _, path := range []string{tokenPath + "XYZ", tokenPath + ".", "/metadata/identity/oauth2/token/x"} {
		if _, e := (imds.Rules{}).Parse(get(path + "?api-version=2018-02-01&resource=r")); e == nil {
			t.Errorf("%q is served", path)
		}
	}
}

func TestRules(t *testing.T) {
	rules := imds.Rules{
		Hosts: []string{"169.254.169.254"}, MissingHeaderCode: imds.CodeInvalidRequest, DefaultAPIVersion: "2018-02-01",
	}
	rebound := get(tokenPath + "?resource=r")
	rebound.Host = "evil.example"
	if _, e := rules.Parse(rebound); e == nil || e.Status != 400 {
		t.Errorf("a foreign host gave %v", e)
	}
	bare := get(tokenPath + "?resource=r")
	bare.Header.Del("Metadata")
	if _, e := rules.Parse(bare); e == nil || e.Code != imds.CodeInvalidRequest {
		t.Errorf("without the header: %v", e)
	}
	if got, e := rules.Parse(get(tokenPath + "?resource=r")); e != nil || got.APIVersion != "2018-02-01" {
		t.Errorf("without api-version: %v, %v", got, e)
	}
}

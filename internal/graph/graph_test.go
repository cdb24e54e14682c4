package graph_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	testclock "k8s.io/utils/clock/testing"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/directory"
	"github.com/lanyard-project/lanyard/internal/graph"
	"github.com/lanyard-project/lanyard/internal/keys"
	"github.com/lanyard-project/lanyard/internal/seal"
	"github.com/lanyard-project/lanyard/internal/store/storetest"
	"github.com/lanyard-project/lanyard/internal/tokens"
)

var identityID = armid.MustParse("/subscriptions/22222222-2222-2222-2222-222222222222/resourceGroups/RG/providers/Microsoft.ManagedIdentity/userAssignedIdentities/kite")

// cloud is the service behind TLS, with the real directory, store and tokens.
type cloud struct {
	origin    string
	client    *http.Client
	directory *directory.Directory
	issuer    *tokens.Issuer
	clock     *testclock.FakeClock
	tenant    directory.Tenant
	admin     directory.ServicePrincipal
	identity  directory.ServicePrincipal
	bearer    string
	service   *graph.Service
	unhandled []string
}

func start(t *testing.T) *cloud {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	log := slog.New(slog.DiscardHandler)
	box, err := seal.New(make([]byte, 32))
	must(err)
	s := storetest.New(t)
	c := &cloud{clock: testclock.NewFakeClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))}
	ring, err := keys.Open(t.Context(), keys.Options{Store: s, Box: box, Clock: c.clock, Log: log})
	must(err)
	c.directory, err = directory.Open(t.Context(), directory.Options{Store: s, Box: box, Clock: c.clock, Log: log})
	must(err)
	tenant, admin, err := c.directory.EnsureFirstTenant(t.Context(), directory.FirstTenantOptions{})
	must(err)
	c.tenant, c.admin = tenant, admin.ServicePrincipal
	c.identity, err = c.directory.EnsureManagedIdentity(t.Context(), directory.ManagedIdentity{TenantID: tenant.ID, ResourceID: identityID, Explicit: true})
	must(err)

	server := httptest.NewUnstartedServer(nil)
	c.origin = "https://" + server.Listener.Addr().String()
	c.issuer = tokens.NewIssuer(c.origin, ring, c.clock)
	c.service = graph.New(graph.Options{
		Directory: c.directory, Verifier: tokens.NewVerifier(c.origin, ring, c.clock),
		Origins: []string{c.origin, "https://168.63.129.16"}, Clock: c.clock, Log: log,
		Unhandled: func(r *http.Request, status int, code string) {
			c.unhandled = append(c.unhandled, fmt.Sprint(r.Method, " ", r.URL.Path, " ", status, " ", code))
		},
	})
	server.Config.Handler = c.service
	server.StartTLS()
	t.Cleanup(server.Close)
	c.client = server.Client()
	c.bearer = c.token(t, c.admin, c.origin+"/")
	return c
}

type answer struct {
	status int
	header http.Header
	body   map[string]any
}

func (a answer) code() string {
	failure, _ := a.body["error"].(map[string]any)
	code, _ := failure["code"].(string)
	return code
}

func (a answer) message() string {
	failure, _ := a.body["error"].(map[string]any)
	message, _ := failure["message"].(string)
	return message
}

// names are the display names of a list, in order.
func (a answer) names() []string {
	found := []string{}
	values, _ := a.body["value"].([]any)
	for _, value := range values {
		name, _ := value.(map[string]any)["displayName"].(string)
		found = append(found, name)
	}
	slices.Sort(found)
	return found
}

func (c *cloud) do(t *testing.T, method, target, bearer, body string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	response, err := c.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{status: response.StatusCode, header: response.Header}
	if response.StatusCode == http.StatusNoContent {
		return a
	}
	if err := json.Unmarshal(text, &a.body); err != nil {
		t.Fatalf("%s %s: %d %s: %v", method, target, response.StatusCode, text, err)
	}
	return a
}

func (c *cloud) get(t *testing.T, path string) answer {
	t.Helper()
	return c.do(t, http.MethodGet, c.origin+path, c.bearer, "")
}

func (c *cloud) list(t *testing.T, collection, filter string) answer {
	t.Helper()
	return c.get(t, "/v1.0/"+collection+"?"+url.Values{"$filter": {filter}}.Encode())
}

func TestServicePrincipalsAreFound(t *testing.T) {
	c := start(t)
	const adminName, identityName = "lanyard-admin", "kite"
	for filter, want := range map[string][]string{
		"servicePrincipalNames/any(c:c eq '" + c.identity.AppID + "')":                   {identityName},
		"servicePrincipalNames/any(c:c eq '" + strings.ToUpper(c.identity.AppID) + "')":  {identityName},
		"servicePrincipalNames/any(c:c eq '" + c.identity.Names[1] + "')":                {identityName},
		"servicePrincipalNames/any(c:c eq '" + c.identity.ObjectID + "')":                {},
		"servicePrincipalNames/any(c:c eq 'kite')":                                       {},
		"appId eq '" + c.admin.AppID + "'":                                               {adminName},
		"appId eq '" + c.admin.AppID + "' or displayName eq 'kite'":                      {identityName, adminName},
		"id eq '" + c.identity.ObjectID + "'":                                            {identityName},
		"displayName eq 'kite'":                                                          {identityName},
		"startswith(displayName,'lanyard')":                                              {adminName},
		"servicePrincipalType eq 'ManagedIdentity'":                                      {identityName},
		"alternativeNames/any(a:a eq '" + c.identity.ResourceID + "')":                   {identityName},
		"displayName eq 'nobody'":                                                        {},
		"servicePrincipalNames/any(c:c eq '" + uuid.NewString() + "')":                   {},
		"appId eq '" + c.admin.AppID + "' and servicePrincipalType eq 'ManagedIdentity'": {},
		"startswith(displayName,'k') and alternativeNames/any(a:a eq 'isExplicit=True')": {identityName},
	} {
		if diff := cmp.Diff(want, c.list(t, "servicePrincipals", filter).names()); diff != "" {
			t.Errorf("%s: %s", filter, diff)
		}
	}
	if diff := cmp.Diff([]string{identityName, adminName}, c.get(t, "/v1.0/servicePrincipals").names()); diff != "" {
		t.Error(diff)
	}
}

func TestServicePrincipalDocument(t *testing.T) {
	c := start(t)
	got := c.get(t, "/v1.0/servicePrincipals/"+c.identity.ObjectID)
	want := map[string]any{
		"@odata.context": c.origin + "/v1.0/$metadata#servicePrincipals/$entity", "id": c.identity.ObjectID, "appId": c.identity.AppID, "displayName": "kite",
		"appDisplayName": nil, "accountEnabled": true, "servicePrincipalType": "ManagedIdentity", "servicePrincipalNames": []any{c.identity.AppID, c.identity.Names[1]},
		"alternativeNames": []any{"isExplicit=True", c.identity.ResourceID}, "appOwnerOrganizationId": nil, "signInAudience": nil,
		"createdDateTime": "2026-01-01T00:00:00Z", "deletedDateTime": nil, "appRoleAssignmentRequired": false, "tags": []any{},
		"appRoles": []any{}, "keyCredentials": []any{}, "oauth2PermissionScopes": []any{}, "passwordCredentials": []any{}, "replyUrls": []any{},
	}
	if diff := cmp.Diff(want, got.body); got.status != 200 || diff != "" {
		t.Errorf("%d: %s", got.status, diff)
	}
	chosen := c.get(t, "/v1.0/servicePrincipals/"+c.admin.ObjectID+"?$select=id,servicePrincipalType")
	want = map[string]any{"@odata.context": want["@odata.context"], "id": c.admin.ObjectID, "servicePrincipalType": "Application"}
	if diff := cmp.Diff(want, chosen.body); diff != "" {
		t.Error(diff)
	}
}

func TestApplicationsAreNoIdentities(t *testing.T) {
	c := start(t)
	found := c.list(t, "applications", "appId eq '"+c.admin.AppID+"'")
	if diff := cmp.Diff([]string{"lanyard-admin"}, found.names()); diff != "" {
		t.Fatal(diff)
	}
	id := found.body["value"].([]any)[0].(map[string]any)["id"].(string)
	if id != c.admin.ApplicationObjectID {
		t.Errorf("the application's ID is %s", id)
	}
	if one := c.get(t, "/v1.0/applications/"+id); one.body["appId"] != c.admin.AppID {
		t.Error(one)
	}
	if got := c.get(t, "/v1.0/applications").names(); len(got) != 1 {
		t.Errorf("managed identities have no application: %v", got)
	}
	if got := c.get(t, "/v1.0/applications/"+c.admin.ObjectID); got.status != 404 || got.code() != "Request_ResourceNotFound" {
		t.Error(got)
	}
}

func TestGetByIDsLeavesOutWhatIsNotThere(t *testing.T) {
	c := start(t)
	const path = "/v1.0/directoryObjects/getByIds"
	body := `{"ids":["` + c.identity.ObjectID + `","` + uuid.NewString() + `","` + strings.ToUpper(c.identity.ObjectID) +
		`"],"types":["user","group","servicePrincipal","directoryObjectPartnerReference"]}`
	got := c.do(t, http.MethodPost, c.origin+path, c.bearer, body)
	if diff := cmp.Diff([]string{"kite"}, got.names()); diff != "" {
		t.Fatal(diff)
	}
	one := got.body["value"].([]any)[0].(map[string]any)
	if one["@odata.type"] != "#microsoft.graph.servicePrincipal" || one["id"] != c.identity.ObjectID {
		t.Error(one)
	}
	users := c.do(t, http.MethodPost, c.origin+path, c.bearer, `{"ids":["`+c.identity.ObjectID+`"],"types":["user"]}`)
	if users.status != 200 || len(users.names()) != 0 {
		t.Error(users)
	}
	for _, bad := range []string{"", "{", `{"ids":[]}`, `{"ids":["x"]}`, `{"ids":[` + strings.Repeat(`"x",`, 1000) + `"x"]}`} {
		if got := c.do(t, http.MethodPost, c.origin+path, c.bearer, bad); got.status != 400 || got.code() != "Request_BadRequest" {
			t.Errorf("%.40s: %v", bad, got)
		}
	}
}

func TestUsersAndGroupsAreNone(t *testing.T) {
	c := start(t)
	for collection, filter := range map[string]string{
		"users": "userPrincipalName eq 'me@lanyard.local'", "groups": "startswith(displayName,'a')",
	} {
		got := c.list(t, collection, filter)
		if diff := cmp.Diff(map[string]any{"@odata.context": c.origin + "/v1.0/$metadata#" + collection, "value": []any{}}, got.body); diff != "" {
			t.Error(diff)
		}
		if got := c.get(t, "/v1.0/"+collection+"/"+c.admin.ObjectID); got.status != 404 {
			t.Error(got)
		}
		if got := c.list(t, collection, "appId eq 'x'"); got.code() != "Request_UnsupportedQuery" {
			t.Error(got)
		}
	}
}

// A list is read to its end by its links, each object once, while others come.
func TestPages(t *testing.T) {
	c := start(t)
	for range 5 {
		if _, err := c.directory.CreateApplication(t.Context(), c.tenant.ID, "app"); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]int{}
	next := c.origin + "/v1.0/servicePrincipals?$top=2&$filter=" + url.QueryEscape("startswith(displayName,'app')")
	pages := 0
	for ; next != "" && pages < 10; pages++ {
		got := c.do(t, http.MethodGet, next, c.bearer, "")
		for _, value := range got.body["value"].([]any) {
			seen[value.(map[string]any)["id"].(string)]++
		}
		next, _ = got.body["@odata.nextLink"].(string)
	}
	if pages != 3 || len(seen) != 5 {
		t.Errorf("%d pages, %v", pages, seen)
	}
}

func TestRefusals(t *testing.T) {
	c := start(t)
	for _, test := range []struct {
		method, path, code, message string
		status                      int
	}{
		{"GET", "/v1.0/servicePrincipals?$filter=colour+eq+'green'", "Request_UnsupportedQuery", "'colour'", 400},
		{"GET", "/v1.0/servicePrincipals?$filter=", "Request_UnsupportedQuery", "filter", 400},
		{"GET", "/v1.0/servicePrincipals?$expand=owners", "Request_UnsupportedQuery", "'$expand'", 400},
		{"GET", "/v1.0/servicePrincipals?$top=0", "Request_BadRequest", "'0'", 400},
		{"GET", "/v1.0/servicePrincipals?$top=1000", "Request_BadRequest", "'1000'", 400},
		{"GET", "/v1.0/servicePrincipals?$top=1&top=2", "Request_BadRequest", "more than once", 400},
		{"GET", "/v1.0/servicePrincipals?$select=secrets", "Request_BadRequest", "'secrets'", 400},
		{"GET", "/v1.0/servicePrincipals?$filter=%zz", "Request_BadRequest", "query", 400},
		{"GET", "/v1.0/servicePrincipals/nobody", "Request_ResourceNotFound", "'nobody'", 404},
		{"GET", "/v1.0/me", "BadRequest", "delegated", 400},
		{"GET", "/v1.0/oauth2PermissionGrants", "BadRequest", "'oauth2PermissionGrants'", 400},
		{"GET", "/v1.0/servicePrincipals/x/owners", "Request_ResourceNotFound", "'x'", 404},
		{"GET", "/v1.0/servicePrincipals/x/colour", "BadRequest", "colour", 400},
		{"POST", "/v1.0/applications", "Request_BadRequest", "JSON", 400},
		{"PUT", "/v1.0/servicePrincipals/x", "Request_BadRequest", "'PUT'", 405},
	} {
		got := c.do(t, test.method, c.origin+test.path, c.bearer, "")
		if got.status != test.status || got.code() != test.code || !strings.Contains(got.message(), test.message) {
			t.Errorf("%s %s: %d %v", test.method, test.path, got.status, got.body)
		}
		inner, _ := got.body["error"].(map[string]any)["innerError"].(map[string]any)
		if inner["date"] != "2026-01-01T00:00:00" || inner["request-id"] != got.header.Get("request-id") || inner["client-request-id"] == "" {
			t.Errorf("%s: %v", test.path, inner)
		}
	}
	// What Graph may know and we don't, is told to whoever keeps the record of gaps.
	if want := "GET /v1.0/oauth2PermissionGrants 400 BadRequest"; !slices.Contains(c.unhandled, want) {
		t.Errorf("%q isn't among %q", want, c.unhandled)
	}
}

func (c *cloud) token(t *testing.T, p directory.ServicePrincipal, audience string, roles ...string) string {
	t.Helper()
	minted, err := c.issuer.Mint(tokens.Grant{
		TenantID: p.TenantID, ObjectID: p.ObjectID, AppID: p.AppID, Audience: audience, Version: tokens.V1, Lifetime: time.Hour,
		ManagedIdentity: p.ResourceID, Roles: roles,
	})
	if err != nil {
		t.Fatal(err)
	}
	return minted.Raw.Reveal()
}

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// recorded is what lanyardd writes: two decisions of one operation, a call of the cloud itself, a token, a request.
const recorded = `{"time":"2026-01-02T03:04:05Z","kind":"request","method":"POST","path":"/0fececc4-c7e5-4b44-bcc7-8a5dfe5fcfac/oauth2/v2.0/token","status":200,"userAgent":"MSAL.Python/1.20"}
{"time":"2026-01-02T03:04:05Z","kind":"token","via":"token endpoint","issued":false,"code":7000215}
{"time":"2026-01-02T03:04:05Z","kind":"decision","method":"GET","path":"/x","called":"GET Microsoft.Network/virtualNetworks","apiVersion":"2024-05-01","userAgent":"python/3.11 AZURECLI/2.45.0 (DEB) azsdk-python-azure-mgmt-network/21","status":200}
{"time":"2026-01-02T03:04:05Z","kind":"decision","method":"GET","path":"/x","called":"GET Microsoft.Network/virtualNetworks","apiVersion":"2024-05-01","userAgent":"AZURECLI/2.45.0 (DEB)","status":404,"code":"ResourceNotFound"}
{"time":"2026-01-02T03:04:05Z","kind":"decision","method":"PUT","path":"/x","called":"PUT Microsoft.Network/virtualNetworks","apiVersion":"2024-05-01","status":201}
{"time":"2026-01-02T03:04:05Z","kind":"decision","method":"GET","path":"/y","called":"GET providers/microsoft.nothing","apiVersion":"1","userAgent":"azsdk-go-armresources/v4.0.0 (go1.26; linux)","status":404,"code":"InvalidResourceNamespace"}
{"time":"2026-01-02T03:04:05Z","kind":"request","method":"GET","path":"/v1.0/servicePrincipals(appId='secretive')","status":200,"userAgent":"curl/8"}
{"time":"2026-01-02T03:04:05Z","kind":"request","method":"GET","path":"/common/UserRealm/ann@contoso.local","status":200,"userAgent":"MSAL.Python/1.20"}
{"time":"2026-01-02T03:04:05Z","kind":"request","method":"GET","path":"/oidc/0fececc4-c7e5-4b44-bcc7-8a5dfe5fcfac/7cd5e7c29e202f1b986c9e6a/openid/v1/jwks","status":200,"userAgent":"curl/8"}
`

func TestCondense(t *testing.T) {
	got, err := condense("TestX", strings.NewReader(recorded))
	if err != nil {
		t.Fatal(err)
	}
	want := Results{
		Run: "TestX", Day: "2026-01-02",
		Clients: map[string][]string{azClient: {"2.45.0"}, msalClient: {"MSAL.Python/1.20"}, sdkClient: {"armresources/v4.0.0"}},
		Uses: []Use{
			{Operation: "GET /common/UserRealm/{user}", Client: msalClient, Served: true},
			{Operation: "GET /oidc/{id}/{key}/openid/v1/jwks", Client: otherClient, Served: true},
			{Operation: "GET /v1.0/servicePrincipals(appId='…')", Client: otherClient, Served: true},
			{Operation: "GET Microsoft.Network/virtualNetworks", APIVersion: "2024-05-01", Client: azClient, Served: true, Refusals: []string{"404 ResourceNotFound"}},
			{Operation: "GET providers/microsoft.nothing", APIVersion: "1", Client: sdkClient, Refusals: []string{"404 InvalidResourceNamespace"}, Unknown: []string{"404 InvalidResourceNamespace"}},
			{Operation: "POST /{tenant}/oauth2/v2.0/token", Client: msalClient, Served: true},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestPageShowsWhatWasSeen: results survive their file, and the page shows each use once, below its heading.
func TestPageShowsWhatWasSeen(t *testing.T) {
	seen, err := condense("TestX", strings.NewReader(recorded))
	if err != nil {
		t.Fatal(err)
	}
	data, err := seen.encode()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "TestX.json")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := read(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(seen, again); diff != "" {
		t.Error(diff)
	}
	text := page([]Results{seen, again}, "## Not verified\n")
	for _, line := range []string{
		"| TestX | 2026-01-02 | MSAL (MSAL.Python/1.20); SDK for Go (armresources/v4.0.0); az (2.45.0) |",
		"## Microsoft.Network\n\n| operation | api-version | clients | refused with |\n|---|---|---|---|\n| `GET Microsoft.Network/virtualNetworks` | 2024-05-01 | az | 404 ResourceNotFound |\n",
		"| `GET providers/microsoft.nothing` | 1 | SDK for Go | 404 InvalidResourceNamespace |\n\n## Not verified\n",
	} {
		if strings.Count(text, line) != 1 && !strings.HasPrefix(line, "| TestX") || !strings.Contains(text, line) {
			t.Errorf("the page hasn't once %q:\n%s", line, text)
		}
	}
	if strings.Contains(text, "secretive") {
		t.Error("a name is on the page")
	}
}

func TestRunsThatDifferAreTold(t *testing.T) {
	one := []Use{{Operation: "GET a", Client: azClient, Served: true}, {Operation: "GET b", Client: azClient, Served: true}}
	other := []Use{{Operation: "GET a", Client: azClient, Served: true}, {Operation: "GET b", Client: azClient, Refusals: []string{"403 AuthorizationFailed"}}}
	if lost := without(one, other, "no longer seen"); len(lost) != 1 || !strings.Contains(lost[0], "GET b") {
		t.Error(lost)
	}
	if lost := without(one, one, "no longer seen"); lost != nil {
		t.Error(lost)
	}
}

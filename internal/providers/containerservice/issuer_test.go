package containerservice_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lanyard-project/lanyard/internal/arm/resource"
)

func (p *process) issuer(path string) (int, string) {
	w := httptest.NewRecorder()
	p.provider.Issuers().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Code, w.Body.String()
}

func issuerOf(t *testing.T, cluster *resource.Resource) string {
	t.Helper()
	is, err := resource.Read[struct {
		OIDCIssuerProfile struct {
			Enabled   bool   `json:"enabled"`
			IssuerURL string `json:"issuerURL"`
		} `json:"oidcIssuerProfile"`
	}](cluster)
	if err != nil {
		t.Fatal(err)
	}
	if is.OIDCIssuerProfile.Enabled != (is.OIDCIssuerProfile.IssuerURL != "") {
		t.Errorf("%+v", is.OIDCIssuerProfile)
	}
	return is.OIDCIssuerProfile.IssuerURL
}

// A new cluster of version 1.34 or later publishes its issuer unless it is told not to.
func TestIssuerIsPublished(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	defer p.stop()
	c := p.works("demo", simple)
	issuer := issuerOf(t, c)
	if !strings.HasPrefix(issuer, "https://localhost:8443/oidc/"+tenant+"/") || !strings.HasSuffix(issuer, "/") {
		t.Fatalf("issuer %s", issuer)
	}
	if plane := w.planes[keys(w.planes)[0]]; plane.ServiceAccountIssuer != issuer {
		t.Errorf("tokens are issued by %s", plane.ServiceAccountIssuer)
	}
	path := strings.TrimPrefix(issuer, "https://localhost:8443")
	status, body := p.issuer(path + ".well-known/openid-configuration")
	var got map[string]any
	if err := json.Unmarshal([]byte(body), &got); err != nil || status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	want := map[string]any{
		"issuer": issuer, "jwks_uri": issuer + "openid/v1/jwks", "response_types_supported": []any{"id_token"},
		"subject_types_supported": []any{"public"}, "id_token_signing_alg_values_supported": []any{"RS256"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if status, body := p.issuer(path + "openid/v1/jwks"); status != http.StatusOK || body != `{"keys":[]}` {
		t.Errorf("%d %s", status, body)
	}
	for _, elsewhere := range []string{"/oidc", path, path + "other", "/oidc/other" + strings.TrimPrefix(path, "/oidc/"+tenant) + "openid/v1/jwks", "/oidc/" + tenant + "/other/openid/v1/jwks"} {
		if status, body := p.issuer(elsewhere); status != http.StatusNotFound {
			t.Errorf("%s: %d %s", elsewhere, status, body)
		}
	}
	p.refuses(t, "demo", change(`"oidcIssuerProfile":{"enabled":false}`), "OIDCIssuerCannotBeDisabled", "")
	p.delete(c.ID)
	p.settle(c.ID)
	if status, _ := p.issuer(path + "openid/v1/jwks"); status != http.StatusNotFound {
		t.Errorf("a deleted cluster's keys: %d", status)
	}
}

func TestIssuerThatIsTurnedOnLater(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	defer p.stop()
	if issuer := issuerOf(t, p.works("demo", body(`"kubernetesVersion":""`, `"oidcIssuerProfile":{"enabled":false}`))); issuer != "" {
		t.Errorf("issuer %s", issuer)
	}
	path := "/oidc/" + tenant + "/" + keys(w.planes)[0] + "/openid/v1/jwks"
	if status, _ := p.issuer(path); status != http.StatusNotFound {
		t.Errorf("keys that nobody published: %d", status)
	}
	p.refuses(t, "demo", change(`"securityProfile":{"workloadIdentity":{"enabled":true}}`), "BadRequest", "requires the OIDC issuer")
	c := p.update("demo", change(`"oidcIssuerProfile":{"enabled":true},"securityProfile":{"workloadIdentity":{"enabled":true}}`))
	if issuerOf(t, c) == "" || !strings.Contains(string(c.Properties), `"workloadIdentity":{"enabled":true}`) {
		t.Errorf("%s", c.Properties)
	}
	if status, _ := p.issuer(path); status != http.StatusOK {
		t.Errorf("keys: %d", status)
	}
}

// change is an update of some properties.
func change(properties string) string {
	return `{"location":"westus2","properties":{` + properties + `}}`
}

// Whoever trusts the issuer finds the next key as soon as tokens are signed with it.
func TestRotatedKeysArePublished(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	defer p.stop()
	path := strings.TrimPrefix(issuerOf(t, p.works("demo", simple)), "https://localhost:8443") + "openid/v1/jwks"
	if _, keys := p.issuer(path); keys != `{"keys":[]}` {
		t.Fatalf("before: %s", keys)
	}
	if _, err := p.post(clusterID("demo"), "rotateServiceAccountSigningKeys", `{}`); err != nil {
		t.Fatal(err)
	}
	p.settle(clusterID("demo"))
	if _, keys := p.issuer(path); keys != `{"keys":[{}]}` {
		t.Errorf("after the rotation the issuer publishes %s", keys)
	}
}

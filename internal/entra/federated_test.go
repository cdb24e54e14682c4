package entra_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	azcloud "github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/directory"
)

const exchange = "api://AzureADTokenExchange"

// issuer is a foreign token issuer, such as a cluster's.
type issuer struct {
	url string
	key *rsa.PrivateKey
}

// newIssuer serves discovery and keys on loopback; the cloud must trust its host.
func newIssuer(t testing.TB) issuer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	i := issuer{key: key}
	mux := http.NewServeMux()
	server := httptest.NewTLSServer(mux)
	t.Cleanup(server.Close)
	i.url = server.URL + "/"
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]string{"issuer": i.url, "jwks_uri": i.url + "keys"})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "1", Algorithm: "RS256", Use: "sig"}}})
	})
	return i
}

func (i issuer) token(t testing.TB, now time.Time, key any, algorithm jose.SignatureAlgorithm, keyID string, change map[string]any) string {
	t.Helper()
	claims := map[string]any{
		"iss": i.url, "sub": "system:serviceaccount:ns:sa", "aud": []string{exchange},
		"nbf": now.Unix(), "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	}
	maps.Copy(claims, change)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: jose.JSONWebKey{Key: key, KeyID: keyID}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func (c *cloud) federate(t testing.TB, owner, issuer, subject string) {
	t.Helper()
	if _, err := c.directory.SetFederated(t.Context(), owner, directory.FederatedCredential{
		Name: "f", Issuer: issuer, Subject: subject, Audiences: []string{exchange},
	}, true); err != nil {
		t.Fatal(err)
	}
}

func (c *cloud) exchange(t testing.TB, clientID, assertion string) answer {
	t.Helper()
	return c.post(t, c.v2(), url.Values{
		"grant_type": {"client_credentials"}, "client_id": {clientID}, "scope": {arm + "/.default"},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {assertion},
	})
}

func TestFederatedAssertions(t *testing.T) {
	clock := fakeClock()
	c, i := start(t, clock), newIssuer(t)
	p := c.identity(t)
	c.federate(t, p.ObjectID, i.url, "system:serviceaccount:ns:sa")
	now := clock.Now()
	other, _ := rsa.GenerateKey(rand.Reader, 2048)
	for _, test := range []struct {
		name  string
		token string
		code  float64
	}{
		{"good", i.token(t, now, i.key, jose.RS256, "1", nil), 0},
		{"good once more", i.token(t, now, i.key, jose.RS256, "1", nil), 0},
		{"one audience as a text", i.token(t, now, i.key, jose.RS256, "1", map[string]any{"aud": exchange}), 0},
		{"another issuer", i.token(t, now, i.key, jose.RS256, "1", map[string]any{"iss": "https://other.example"}), 700211},
		{"the issuer without its slash", i.token(t, now, i.key, jose.RS256, "1", map[string]any{"iss": i.url[:len(i.url)-1]}), 700211},
		{"another subject", i.token(t, now, i.key, jose.RS256, "1", map[string]any{"sub": "system:serviceaccount:ns:other"}), 700213},
		{"the subject in another casing", i.token(t, now, i.key, jose.RS256, "1", map[string]any{"sub": "system:serviceaccount:NS:sa"}), 700213},
		{"another audience", i.token(t, now, i.key, jose.RS256, "1", map[string]any{"aud": "https://kubernetes.default.svc"}), 700212},
		{"an unknown key", i.token(t, now, other, jose.RS256, "2", nil), 7000272},
		{"forged", i.token(t, now, other, jose.RS256, "1", nil), 700027},
		{"another algorithm", i.token(t, now, i.key, jose.PS256, "1", nil), 700027},
		{"expired", i.token(t, now.Add(-2*time.Hour), i.key, jose.RS256, "1", nil), 700024},
		{"not valid yet", i.token(t, now.Add(time.Hour), i.key, jose.RS256, "1", nil), 700024},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := c.exchange(t, p.AppID, test.token)
			if test.code != 0 {
				if !cmp.Equal(got.body["error_codes"], []any{test.code}) {
					t.Errorf("%d %v", got.status, got.body)
				}
				return
			}
			if got.status != 200 {
				t.Fatalf("%d %v", got.status, got.body)
			}
			_, claims := c.read(t, got.body["access_token"].(string))
			if claims["oid"] != p.ObjectID || claims["appidacr"] != "2" || claims["xms_mirid"] != p.ResourceID {
				t.Errorf("%v", claims)
			}
		})
	}
}

func TestFederatedAssertionsOfAnApplication(t *testing.T) {
	c, i := start(t, clock.RealClock{}), newIssuer(t)
	c.federate(t, c.app.ApplicationObjectID, i.url, "pipeline")
	token := i.token(t, time.Now(), i.key, jose.RS256, "1", map[string]any{"sub": "pipeline"})
	credential, err := azidentity.NewClientAssertionCredential(c.tenant.ID, c.app.AppID, func(context.Context) (string, error) { return token, nil },
		&azidentity.ClientAssertionCredentialOptions{
			DisableInstanceDiscovery: true,
			ClientOptions:            azcore.ClientOptions{Cloud: cloudOf(c), Transport: c.client},
		})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := credential.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{arm + ".default"}}); err != nil {
		t.Error(err)
	}
	if err := c.directory.RemoveFederated(t.Context(), c.app.ApplicationObjectID, "f"); err != nil {
		t.Fatal(err)
	}
	if got := c.exchange(t, c.app.AppID, token); !cmp.Equal(got.body["error_codes"], []any{700211.0}) {
		t.Errorf("removed: %d %v", got.status, got.body)
	}
}

func cloudOf(c *cloud) azcloud.Configuration {
	return azcloud.Configuration{ActiveDirectoryAuthorityHost: c.origin + "/"}
}

// A managed identity's own token may stand for an application that names it in a
// federated credential: this service is then the foreign issuer, asked in process.
func TestManagedIdentityAsFederatedCredential(t *testing.T) {
	clock := fakeClock()
	c := start(t, clock)
	p := c.identity(t)
	signed, err := c.directory.SignAssertion(t.Context(), p.ObjectID, c.origin+c.v1())
	if err != nil {
		t.Fatal(err)
	}
	form := url.Values{
		"grant_type": {"client_credentials"}, "client_id": {p.AppID}, "resource": {exchange},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {signed.Reveal()},
	}
	token := c.post(t, c.v1(), form).body["access_token"].(string)
	_, claims := c.read(t, token)
	c.federate(t, c.app.ApplicationObjectID, claims["iss"].(string), p.ObjectID)
	got := c.exchange(t, c.app.AppID, token)
	if got.status != 200 {
		t.Fatalf("%d %v", got.status, got.body)
	}
	if _, claims := c.read(t, got.body["access_token"].(string)); claims["oid"] != c.app.ObjectID {
		t.Errorf("%v", claims)
	}
}

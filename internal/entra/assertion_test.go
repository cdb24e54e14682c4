package entra_test

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// sign makes a client assertion; change edits its claims.
func sign(t *testing.T, algorithm jose.SignatureAlgorithm, key any, thumbprint map[string]string, claims map[string]any) string {
	t.Helper()
	options := (&jose.SignerOptions{}).WithType("JWT")
	for name, value := range thumbprint {
		options = options.WithHeader(jose.HeaderKey(name), value)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, options)
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

func s256(c *x509.Certificate) map[string]string {
	sum := sha256.Sum256(c.Raw)
	return map[string]string{"x5t#S256": base64.RawURLEncoding.EncodeToString(sum[:])}
}

func TestCertificateAssertions(t *testing.T) {
	clock := fakeClock()
	c := start(t, clock)
	key, registered := certificate(t, clock.Now())
	strange, strangers := certificate(t, clock.Now())
	if _, err := c.directory.AddCertificate(t.Context(), c.app.ObjectID, "test", registered.Raw); err != nil {
		t.Fatal(err)
	}
	endpoint := c.origin + c.v2()
	claims := func(change ...any) map[string]any {
		now := clock.Now().Unix()
		out := map[string]any{"aud": endpoint, "iss": c.app.AppID, "sub": c.app.AppID, "jti": uuid.NewString(), "nbf": now, "iat": now, "exp": now + 600}
		for i := 0; i+1 < len(change); i += 2 {
			out[change[i].(string)] = change[i+1]
		}
		return out
	}
	now := clock.Now().Unix()
	sum1, sum256 := sha1.Sum(registered.Raw), sha256.Sum256(registered.Raw)
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name      string
		assertion string
		code      int // 0: accepted
	}{
		{"PS256", sign(t, jose.PS256, key, s256(registered), claims()), 0},
		{"RS256 with SHA-1 thumbprint", sign(t, jose.RS256, key, map[string]string{"x5t": base64.RawURLEncoding.EncodeToString(sum1[:])}, claims()), 0},
		{"the other base64, as MSAL for Go writes", sign(t, jose.PS256, key, map[string]string{"x5t#S256": base64.StdEncoding.EncodeToString(sum256[:])}, claims()), 0},
		{"audience is the v1 endpoint", sign(t, jose.PS256, key, s256(registered), claims("aud", c.origin+c.v1())), 0},
		{"audience in a list, by another origin of ours", sign(t, jose.PS256, key, s256(registered), claims("aud", []string{"x", alias + c.v2()})), 0},
		{"clock four minutes ahead", sign(t, jose.PS256, key, s256(registered), claims("nbf", now+240)), 0},
		{"audience elsewhere", sign(t, jose.PS256, key, s256(registered), claims("aud", "https://login.microsoftonline.com"+c.v2())), 700023},
		{"audience is another tenant", sign(t, jose.PS256, key, s256(registered), claims("aud", c.origin+"/99999999-9999-9999-9999-999999999999/oauth2/v2.0/token")), 700023},
		{"expired", sign(t, jose.PS256, key, s256(registered), claims("exp", now-301)), 700024},
		{"from the future", sign(t, jose.PS256, key, s256(registered), claims("nbf", now+301)), 700024},
		{"no expiry", sign(t, jose.PS256, key, s256(registered), claims("exp", nil)), 50027},
		{"expiry of nonsense", sign(t, jose.PS256, key, s256(registered), claims("exp", 1e300)), 50027},
		{"another subject", sign(t, jose.PS256, key, s256(registered), claims("sub", "x")), 700021},
		{"another issuer", sign(t, jose.PS256, key, s256(registered), claims("iss", "99999999-9999-9999-9999-999999999999")), 700021},
		{"a federated issuer without a record", sign(t, jose.PS256, key, s256(registered), claims("iss", "https://cluster.example")), 700211},
		{"unknown certificate", sign(t, jose.PS256, strange, s256(strangers), claims()), 700027},
		{"no thumbprint", sign(t, jose.PS256, key, nil, claims()), 700027},
		{"another key under the thumbprint", sign(t, jose.PS256, strange, s256(registered), claims()), 700027},
		{"the public key as a shared secret", sign(t, jose.HS256, public, s256(registered), claims()), 50027},
		{"weaker than pinned", sign(t, jose.RS512, key, s256(registered), claims()), 50027},
		{"alg none", base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + base64.RawURLEncoding.EncodeToString([]byte(`{}`)) + ".", 50027},
		{"not a JWT", "x", 50027},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := c.post(t, c.v2(), c.form("client_secret", "", "client_assertion", test.assertion,
				"client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"))
			if test.code == 0 {
				if got.status != 200 {
					t.Fatalf("%d %v", got.status, got.body)
				}
				if _, claims := c.read(t, got.body["access_token"].(string)); claims["appidacr"] != "2" {
					t.Errorf("%v", claims)
				}
				return
			}
			if !cmp.Equal(got.body["error_codes"], []any{float64(test.code)}) {
				t.Errorf("%d %v", got.status, got.body)
			}
		})
	}
}

// assertAs posts a managed identity's assertion at the public endpoint.
func assertAs(t *testing.T, c *cloud, appID, assertion string) answer {
	t.Helper()
	return c.post(t, c.v1(), url.Values{
		"grant_type": {"client_credentials"}, "client_id": {appID}, "resource": {arm},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {assertion},
	})
}

func TestIdentityAssertionIsGoodOnce(t *testing.T) {
	clock := fakeClock()
	c := start(t, clock)
	p := c.identity(t)
	signed, err := c.directory.SignAssertion(t.Context(), p.ObjectID, c.origin+c.v1())
	if err != nil {
		t.Fatal(err)
	}
	if got := assertAs(t, c, p.AppID, signed.Reveal()); got.status != 200 || got.body["expires_in"] != "86399" || got.body["refresh_in"] != "43200" {
		t.Fatalf("%d %v", got.status, got.body)
	}
	for _, wait := range []time.Duration{0, 5 * time.Minute, 5*time.Minute - time.Second} {
		clock.Step(wait)
		if got := assertAs(t, c, p.AppID, signed.Reveal()); !cmp.Equal(got.body["error_codes"], []any{50012.0}) {
			t.Errorf("after %v: %d %v", wait, got.status, got.body)
		}
	}
	clock.Step(time.Hour)
	if got := assertAs(t, c, p.AppID, signed.Reveal()); !cmp.Equal(got.body["error_codes"], []any{700024.0}) {
		t.Errorf("%d %v", got.status, got.body)
	}
}

// TestOldIdentityCertificateIsRefusedAfterItsOverlap holds an old key, as a thief
// of a backup and master key would, and moves the clock.
func TestOldIdentityCertificateIsRefusedAfterItsOverlap(t *testing.T) {
	clock := fakeClock()
	c := start(t, clock)
	p := c.identity(t)
	if _, err := c.directory.SignAssertion(t.Context(), p.ObjectID, c.origin+c.v1()); err != nil { // makes the first certificate
		t.Fatal(err)
	}
	before, err := c.directory.Certificates(t.Context(), p.ObjectID)
	if err != nil {
		t.Fatal(err)
	}
	clock.Step(46*day - 3*time.Minute)
	old, err := c.directory.SignAssertion(t.Context(), p.ObjectID, c.origin+c.v1())
	if err != nil {
		t.Fatal(err)
	}
	clock.Step(3 * time.Minute)
	c.directory.RotateDue(t.Context())
	if got := assertAs(t, c, p.AppID, old.Reveal()); got.status != 200 {
		t.Errorf("in flight during the rotation: %d %v", got.status, got.body)
	}
	clock.Step(day + time.Minute)
	if got := assertAs(t, c, p.AppID, old.Reveal()); !cmp.Equal(got.body["error_codes"], []any{700027.0}) {
		t.Errorf("after the overlap: %d %v", got.status, got.body)
	}
	after, err := c.directory.Certificates(t.Context(), p.ObjectID)
	if err != nil || len(after) != 1 || after[0].SHA256 == before[0].SHA256 {
		t.Errorf("%v, %v", after, err)
	}
}

package tokens_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
	testclock "k8s.io/utils/clock/testing"

	"github.com/lanyard-project/lanyard/internal/keys"
	"github.com/lanyard-project/lanyard/internal/seal"
	"github.com/lanyard-project/lanyard/internal/store/storetest"
	"github.com/lanyard-project/lanyard/internal/tokens"
)

const (
	origin = "https://localhost:8443"
	tenant = "11111111-1111-1111-1111-111111111111"
	arm    = "https://management.azure.com/"
)

type cloud struct {
	clock    *testclock.FakeClock
	ring     *keys.Ring
	issuer   *tokens.Issuer
	verifier *tokens.Verifier
}

func newCloud(t testing.TB) *cloud {
	t.Helper()
	clock := testclock.NewFakeClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	box, err := seal.New(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	ring, err := keys.Open(t.Context(), keys.Options{Store: storetest.New(t), Box: box, Clock: clock, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return &cloud{clock, ring, tokens.NewIssuer(origin, ring, clock), tokens.NewVerifier(origin, ring, clock)}
}

func grant() tokens.Grant {
	return tokens.Grant{
		Version: tokens.V1, TenantID: tenant, ObjectID: "oid", AppID: "app", Audience: arm, ProvenBy: tokens.ProvenByAssertion,
		Lifetime: 24 * time.Hour, ManagedIdentity: "/subscriptions/S/resourcegroups/RG/providers/Microsoft.ManagedIdentity/userAssignedIdentities/N",
		Host: "/subscriptions/S/resourceGroups/MC/providers/Microsoft.Compute/virtualMachineScaleSets/V",
	}
}

func mint(t testing.TB, c *cloud, g tokens.Grant) tokens.Token {
	t.Helper()
	token, err := c.issuer.Mint(g)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func decode(t *testing.T, part string) map[string]any {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestMintWritesEntrasClaims(t *testing.T) {
	c := newCloud(t)
	kid := c.ring.Signing().ID
	now := float64(c.clock.Now().Unix())
	miid := grant().ManagedIdentity
	for _, test := range []struct {
		name    string
		version tokens.Version
		header  map[string]any
		claims  map[string]any
	}{
		{
			"v1", tokens.V1,
			map[string]any{"typ": "JWT", "alg": "RS256", "kid": kid, "x5t": kid},
			map[string]any{
				"aud": arm, "iss": origin + "/" + tenant + "/", "idp": origin + "/" + tenant + "/", "iat": now - 300, "nbf": now - 300, "exp": now + 86400,
				"appid": "app", "appidacr": "2", "idtyp": "app", "oid": "oid", "sub": "oid", "tid": tenant, "ver": "1.0",
				"xms_mirid": miid, "xms_az_rid": grant().Host,
			},
		},
		{
			"v2 has no x5t, idp and idtyp", tokens.V2,
			map[string]any{"typ": "JWT", "alg": "RS256", "kid": kid},
			map[string]any{
				"aud": arm, "iss": origin + "/" + tenant + "/v2.0", "iat": now - 300, "nbf": now - 300, "exp": now + 86400,
				"azp": "app", "azpacr": "2", "oid": "oid", "sub": "oid", "tid": tenant, "ver": "2.0", "xms_mirid": miid, "xms_az_rid": grant().Host,
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := grant()
			g.Version = test.version
			parts := strings.Split(mint(t, c, g).Raw.Reveal(), ".")
			if diff := cmp.Diff(test.header, decode(t, parts[0])); diff != "" {
				t.Errorf("header: %s", diff)
			}
			claims := decode(t, parts[1])
			for _, name := range []string{"aio", "rh", "uti"} {
				if claims[name] == "" || claims[name] == nil {
					t.Errorf("no %s", name)
				}
				delete(claims, name)
			}
			if diff := cmp.Diff(test.claims, claims); diff != "" {
				t.Errorf("claims: %s", diff)
			}
		})
	}
}

func TestVerifyNamesTheCaller(t *testing.T) {
	c := newCloud(t)
	for _, version := range []tokens.Version{tokens.V1, tokens.V2} {
		g := grant()
		g.Version = version
		token := mint(t, c, g)
		for range 2 { // the second time from memory
			got, err := c.verifier.Verify(t.Context(), token.Raw.Reveal(), []string{"x", arm})
			if err != nil {
				t.Fatal(err)
			}
			want := tokens.Caller{
				TenantID: tenant, ObjectID: "oid", AppID: "app", Audience: arm, Issuer: tokens.IssuerOf(origin, tenant, version),
				TokenID: token.ID, KeyID: token.KeyID, Version: version, ProvenBy: "2", Expires: token.Expires,
				ManagedIdentity: g.ManagedIdentity, Host: g.Host,
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if err := tokens.RequireTenant(got, "another"); kind(err) != tokens.WrongTenant {
				t.Error(err)
			}
		}
	}
}

func kind(err error) tokens.Kind {
	var e *tokens.Error
	if !errors.As(err, &e) {
		return 0
	}
	return e.Kind
}

func TestVerifyRefuses(t *testing.T) {
	c, foreign := newCloud(t), newCloud(t)
	good := mint(t, c, grant()).Raw.Reveal()
	parts := strings.Split(good, ".")
	encode := func(v any) string {
		text, _ := json.Marshal(v)
		return base64.RawURLEncoding.EncodeToString(text)
	}
	payload := decode(t, parts[1])
	payload["oid"] = "somebody else"
	public, _ := json.Marshal(c.ring.Signing().Public)
	hmac, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: public}, (&jose.SignerOptions{}).WithHeader("kid", c.ring.Signing().ID))
	if err != nil {
		t.Fatal(err)
	}
	confused, err := hmac.Sign([]byte(`{"aud":"` + arm + `"}`))
	if err != nil {
		t.Fatal(err)
	}
	confusedRaw, _ := confused.CompactSerialize()
	short := grant()
	short.Lifetime = time.Minute
	expired := mint(t, c, short).Raw.Reveal()
	other := grant()
	other.Audience = "https://vault.azure.net"
	elsewhere, err := tokens.NewIssuer("https://elsewhere", c.ring, c.clock).Mint(grant())
	if err != nil {
		t.Fatal(err)
	}
	ahead := testclock.NewFakeClock(c.clock.Now().Add(time.Hour))
	early, err := tokens.NewIssuer(origin, c.ring, ahead).Mint(grant())
	if err != nil {
		t.Fatal(err)
	}

	// Remember the one that will expire, so that expiry is checked on the remembered way too.
	if _, err := c.verifier.Verify(t.Context(), expired, []string{arm}); err != nil {
		t.Fatal(err)
	}
	c.clock.Step(2 * time.Minute)
	for _, test := range []struct {
		name string
		raw  string
		want tokens.Kind
	}{
		{"empty", "", tokens.Invalid},
		{"not a token", "x.y.z", tokens.Invalid},
		{"huge", strings.Repeat("a", 1<<20), tokens.Invalid},
		{"alg none", encode(map[string]string{"alg": "none", "typ": "JWT"}) + "." + parts[1] + ".", tokens.Invalid},
		{"the public key as a shared secret", confusedRaw, tokens.Invalid},
		{"claims changed", parts[0] + "." + encode(payload) + "." + parts[2], tokens.Invalid},
		{"signature changed", parts[0] + "." + parts[1] + "." + strings.Repeat("A", len(parts[2])), tokens.Invalid},
		{"another cloud's key", mint(t, foreign, grant()).Raw.Reveal(), tokens.KeyGone},
		{"another origin", elsewhere.Raw.Reveal(), tokens.Invalid},
		{"audience", mint(t, c, other).Raw.Reveal(), tokens.WrongAudience},
		{"expired", expired, tokens.Expired},
		{"not yet valid", early.Raw.Reveal(), tokens.NotYetValid},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := c.verifier.Verify(t.Context(), test.raw, []string{arm})
			if kind(err) != test.want {
				t.Errorf("%v", err)
			}
			if err != nil && len(test.raw) > 20 && strings.Contains(err.Error(), test.raw[:20]) {
				t.Error("the error holds the token")
			}
		})
	}
}

func TestTokenOutlivesItsKeysRotation(t *testing.T) {
	c := newCloud(t)
	c.clock.Step(45*24*time.Hour - time.Minute)
	if err := c.ring.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	old := mint(t, c, grant())
	c.clock.Step(24*time.Hour - time.Minute)
	if err := c.ring.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if fresh := mint(t, c, grant()); fresh.KeyID == old.KeyID {
		t.Fatal("the key didn't rotate")
	}
	// An independent reader: the published keys and go-jose alone.
	var set jose.JSONWebKeySet
	for _, k := range c.ring.Published() {
		set.Keys = append(set.Keys, jose.JSONWebKey{KeyID: k.ID, Key: k.Public, Algorithm: "RS256", Use: "sig"})
	}
	signed, err := jose.ParseSignedCompact(old.Raw.Reveal(), []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := signed.Verify(set); err != nil {
		t.Errorf("by the published keys: %v", err)
	}
	if _, err := c.verifier.Verify(t.Context(), old.Raw.Reveal(), []string{arm}); err != nil {
		t.Errorf("by our verifier: %v", err)
	}
	if err := c.ring.Drop(t.Context(), old.KeyID); err != nil {
		t.Fatal(err)
	}
	if _, err := c.verifier.Verify(t.Context(), old.Raw.Reveal(), []string{arm}); kind(err) != tokens.KeyGone {
		t.Errorf("a dropped key's token: %v", err)
	}
	if slices.ContainsFunc(c.ring.Published(), func(k *keys.Key) bool { return k.ID == old.KeyID }) {
		t.Error("the dropped key is still published")
	}
}

func FuzzVerify(f *testing.F) {
	c := newCloud(f)
	good := mint(f, c, grant()).Raw.Reveal()
	signed := good[:strings.LastIndex(good, ".")]
	f.Add(good)
	f.Add("")
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Add(signed + ".")
	f.Fuzz(func(t *testing.T, raw string) {
		if _, err := c.verifier.Verify(t.Context(), raw, []string{arm}); err == nil && !strings.HasPrefix(raw, signed) {
			t.Errorf("accepted %q", raw)
		}
	})
}

func BenchmarkMint(b *testing.B) {
	c := newCloud(b)
	for b.Loop() {
		mint(b, c, grant())
	}
}

func BenchmarkBareRSA2048(b *testing.B) {
	private := newCloud(b).ring.Signing().Private()
	digest := sha256.Sum256([]byte("x"))
	for b.Loop() {
		if _, err := rsa.SignPKCS1v15(rand.Reader, private, crypto.SHA256, digest[:]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerifyRemembered(b *testing.B) {
	c := newCloud(b)
	raw := mint(b, c, grant()).Raw.Reveal()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.verifier.Verify(b.Context(), raw, []string{arm}); err != nil {
			b.Fatal(err)
		}
	}
}

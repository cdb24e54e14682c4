package entra_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"k8s.io/utils/clock"
	testclock "k8s.io/utils/clock/testing"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/directory"
	"github.com/lanyard-project/lanyard/internal/entra"
	"github.com/lanyard-project/lanyard/internal/entra/federation"
	"github.com/lanyard-project/lanyard/internal/keys"
	"github.com/lanyard-project/lanyard/internal/obs/record"
	"github.com/lanyard-project/lanyard/internal/seal"
	"github.com/lanyard-project/lanyard/internal/store/storetest"
	"github.com/lanyard-project/lanyard/internal/tokens"
)

const (
	day   = 24 * time.Hour
	alias = "https://168.63.129.16"
	arm   = "https://management.azure.com/"
)

var identityID = armid.MustParse("/subscriptions/22222222-2222-2222-2222-222222222222/resourceGroups/RG/providers/Microsoft.ManagedIdentity/userAssignedIdentities/Name")

// cloud is a running token service with everything below it.
type cloud struct {
	flush     func() // of the record
	origin    string
	client    *http.Client
	service   *entra.Service
	directory *directory.Directory
	ring      *keys.Ring
	tenant    directory.Tenant
	app       *directory.Administrator
	record    string
	aliases   map[string]string // in which name who issues, by the published one
}

// atHome is the service itself, which exists only after its own address is known.
type atHome struct{ http.Handler }

func fakeClock() *testclock.FakeClock {
	return testclock.NewFakeClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
}

func start(t testing.TB, clock clock.WithTicker) *cloud {
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
	c := &cloud{record: filepath.Join(t.TempDir(), "record.jsonl")}
	c.ring, err = keys.Open(t.Context(), keys.Options{Store: s, Box: box, Clock: clock, Log: log})
	must(err)
	c.directory, err = directory.Open(t.Context(), directory.Options{Store: s, Box: box, Clock: clock, Log: log})
	must(err)
	c.tenant, c.app, err = c.directory.EnsureFirstTenant(t.Context(), directory.FirstTenantOptions{})
	must(err)
	recorded, err := record.Open(record.Options{Path: c.record, Clock: clock, Log: log})
	must(err)
	c.flush = recorded.Flush
	t.Cleanup(func() { _ = recorded.Close() })

	own := &atHome{}
	server := httptest.NewUnstartedServer(own)
	c.origin = "https://" + server.Listener.Addr().String()
	// The test server's certificate is the same in every process of this package.
	server.StartTLS()
	foreign, err := federation.New(federation.Options{
		Own:     map[string]http.Handler{server.Listener.Addr().String(): own},
		Trusted: []string{"127.0.0.1"}, Clock: clock, Log: log,
		Roots: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}),
	})
	must(err)
	c.service, err = entra.New(entra.Options{
		IssuerAlias: func(_ context.Context, published string) (string, bool) {
			name, ok := c.aliases[published]
			return name, ok
		},
		Federation: foreign, Box: box, Origin: c.origin, Aliases: []string{alias}, Directory: c.directory, Keys: c.ring,
		Issuer: tokens.NewIssuer(c.origin, c.ring, clock), Record: recorded, Clock: clock, Log: log,
	})
	must(err)
	own.Handler = c.service.Handler()
	t.Cleanup(server.Close)
	c.client = server.Client()
	return c
}

func (c *cloud) identity(t testing.TB) directory.ServicePrincipal {
	t.Helper()
	p, err := c.directory.EnsureManagedIdentity(t.Context(), directory.ManagedIdentity{TenantID: c.tenant.ID, ResourceID: identityID, Explicit: true})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

type answer struct {
	status int
	header http.Header
	body   map[string]any
	raw    string
}

func (c *cloud) do(t testing.TB, r *http.Request) answer {
	t.Helper()
	response, err := c.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{status: response.StatusCode, header: response.Header, raw: string(text)}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &a.body); err != nil {
			t.Fatalf("%d %s: %v", response.StatusCode, text, err)
		}
	}
	return a
}

func (c *cloud) get(t testing.TB, path string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.origin+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c.do(t, r)
}

func (c *cloud) post(t testing.TB, path string, form url.Values) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.origin+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return c.do(t, r)
}

func (c *cloud) v2() string { return "/" + c.tenant.ID + "/oauth2/v2.0/token" }
func (c *cloud) v1() string { return "/" + c.tenant.ID + "/oauth2/token" }

// form is a good request of the v2 endpoint with some parameters changed; an empty
// value leaves the parameter out.
func (c *cloud) form(change ...string) url.Values {
	form := url.Values{
		"grant_type": {"client_credentials"}, "client_id": {c.app.AppID}, "client_secret": {c.app.Secret.Reveal()},
		"scope": {arm + ".default"},
	}
	for i := 0; i+1 < len(change); i += 2 {
		if change[i+1] == "" {
			form.Del(change[i])
		} else {
			form.Set(change[i], change[i+1])
		}
	}
	return form
}

// read verifies a token as anybody would: by the key set that the discovery
// document names, with go-jose alone.
func (c *cloud) read(t testing.TB, raw string) (header jose.Header, claims map[string]any) {
	t.Helper()
	discovery := c.get(t, "/"+c.tenant.ID+"/v2.0/.well-known/openid-configuration")
	set := c.get(t, strings.TrimPrefix(discovery.body["jwks_uri"].(string), c.origin))
	var published jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(set.raw), &published); err != nil {
		t.Fatal(err)
	}
	signed, err := jose.ParseSignedCompact(raw, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		t.Fatal(err)
	}
	payload, err := signed.Verify(published)
	if err != nil {
		t.Fatalf("by the published keys: %v", err)
	}
	if err := json.NewDecoder(bytes.NewReader(payload)).Decode(&claims); err != nil {
		t.Fatal(err)
	}
	return signed.Signatures[0].Header, claims
}

func certificate(t testing.TB, from time.Time) (*rsa.PrivateKey, *x509.Certificate) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "app"}, NotBefore: from, NotAfter: from.Add(365 * day)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return key, parsed
}

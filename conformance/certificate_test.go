package conformance

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"
)

// certificate makes a key and a certificate that signs itself, as az ad sp create-for-rbac --create-cert does.
func certificate(t *testing.T) (*x509.Certificate, *rsa.PrivateKey) {
	t.Helper()
	key := must[*rsa.PrivateKey](t, "making a key")(rsa.GenerateKey(rand.Reader, 2048))
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "conformance"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
	raw := must[[]byte](t, "making a certificate")(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))
	return must[*x509.Certificate](t, "reading it")(x509.ParseCertificate(raw)), key
}

// TestCertificates signs an application in by its certificate: with MSAL, which names it by SHA-256, with azidentity, and
// at the authority of custom clouds, where MSAL names it by SHA-1.
func TestCertificates(t *testing.T) {
	ctx, app := t.Context(), newApplication(t)
	known, key := certificate(t)
	register := func(keys ...map[string]any) {
		t.Helper()
		if status := graph(t, http.MethodPatch, "/applications/"+app.id, map[string]any{"keyCredentials": keys}, nil); status != http.StatusNoContent {
			t.Fatalf("setting the certificates: HTTP %d", status)
		}
	}
	register(map[string]any{"type": "AsymmetricX509Cert", "usage": "Verify", "key": base64.StdEncoding.EncodeToString(known.Raw), "displayName": "CN=conformance"})
	client := func(authority string, of *x509.Certificate, with *rsa.PrivateKey, options ...confidential.Option) confidential.Client {
		t.Helper()
		proof := must[confidential.Credential](t, "making a credential")(confidential.NewCredFromCert([]*x509.Certificate{of}, with))
		return must[confidential.Client](t, "making a client")(confidential.New(cloud.Origin+"/"+authority, app.appID, proof,
			append(options, confidential.WithHTTPClient(cloud.http), confidential.WithInstanceDiscovery(false))...))
	}
	for _, authority := range []string{cloud.Tenant, "adfs"} {
		got := must[confidential.AuthResult](t, "signing in at "+authority)(client(authority, known, key).AcquireTokenByCredential(ctx, []string{armScope}))
		if claims := claimsOf(t, got.AccessToken); claims["oid"] != app.principal {
			t.Errorf("at %s the token is %v's", authority, claims["oid"])
		}
	}
	must[confidential.AuthResult](t, "signing in with the chain")(client(cloud.Tenant, known, key, confidential.WithX5C()).AcquireTokenByCredential(ctx, []string{armScope}))
	own := must[*azidentity.ClientCertificateCredential](t, "making a credential")(azidentity.NewClientCertificateCredential(cloud.Tenant, app.appID, []*x509.Certificate{known}, key,
		&azidentity.ClientCertificateCredentialOptions{ClientOptions: cloud.options.ClientOptions, DisableInstanceDiscovery: true}))
	tokenFor(t, own, armScope)

	strange, strangers := certificate(t)
	for name, c := range map[string]confidential.Client{
		"a certificate that isn't registered": client(cloud.Tenant, strange, strangers),
		"with another one's chain":            client(cloud.Tenant, strange, strangers, confidential.WithX5C()),
	} {
		if _, err := c.AcquireTokenByCredential(ctx, []string{armScope}); err == nil || !strings.Contains(err.Error(), "AADSTS700027") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// It is taken away: a client that asks anew is refused.
	register()
	gone := must[*azidentity.ClientCertificateCredential](t, "making a credential")(azidentity.NewClientCertificateCredential(cloud.Tenant, app.appID, []*x509.Certificate{known}, key,
		&azidentity.ClientCertificateCredentialOptions{ClientOptions: cloud.options.ClientOptions, DisableInstanceDiscovery: true}))
	if _, err := gone.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{armScope}}); err == nil || !strings.Contains(err.Error(), "AADSTS700027") {
		t.Errorf("the certificate that was taken away: %v", err)
	}
}

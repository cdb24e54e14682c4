package entra_test

import (
	"crypto/x509"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	azcloud "github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"k8s.io/utils/clock"
)

// TestAzureSDKSignsIn lets the official client, unmodified, get tokens by a secret
// and by a certificate.
func TestAzureSDKSignsIn(t *testing.T) {
	c := start(t, clock.RealClock{})
	key, registered := certificate(t, time.Now().Add(-time.Minute))
	if _, err := c.directory.AddCertificate(t.Context(), c.app.ObjectID, "test", registered.Raw); err != nil {
		t.Fatal(err)
	}
	options := azcore.ClientOptions{Transport: c.client, Cloud: azcloud.Configuration{ActiveDirectoryAuthorityHost: c.origin + "/"}}
	bySecret, err := azidentity.NewClientSecretCredential(c.tenant.ID, c.app.AppID, c.app.Secret.Reveal(),
		&azidentity.ClientSecretCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: true})
	if err != nil {
		t.Fatal(err)
	}
	byCertificate, err := azidentity.NewClientCertificateCredential(c.tenant.ID, c.app.AppID, []*x509.Certificate{registered}, key,
		&azidentity.ClientCertificateCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: true})
	if err != nil {
		t.Fatal(err)
	}
	withChain, err := azidentity.NewClientCertificateCredential(c.tenant.ID, c.app.AppID, []*x509.Certificate{registered}, key,
		&azidentity.ClientCertificateCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: true, SendCertificateChain: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name       string
		credential azcore.TokenCredential
		scope      string
		audience   string
		acr        string
	}{
		{"secret", bySecret, "https://management.azure.com/.default", "https://management.azure.com", "1"},
		{"secret, the audience with its slash", bySecret, "https://management.core.windows.net//.default", "https://management.core.windows.net/", "1"},
		{"secret, our own origin", bySecret, c.origin + "/.default", c.origin, "1"},
		{"certificate", byCertificate, "https://vault.azure.net/.default", "https://vault.azure.net", "2"},
		{"certificate with its chain", withChain, "https://graph.microsoft.com/.default", "https://graph.microsoft.com", "2"},
	} {
		t.Run(test.name, func(t *testing.T) {
			token, err := test.credential.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{test.scope}})
			if err != nil {
				t.Fatal(err)
			}
			if left := time.Until(token.ExpiresOn); left < 59*time.Minute || left > 90*time.Minute {
				t.Errorf("expires in %v", left)
			}
			_, claims := c.read(t, token.Token)
			for name, want := range map[string]any{
				"aud": test.audience, "iss": c.origin + "/" + c.tenant.ID + "/", "appid": c.app.AppID, "appidacr": test.acr,
				"oid": c.app.ObjectID, "sub": c.app.ObjectID, "tid": c.tenant.ID, "ver": "1.0", "idtyp": "app",
			} {
				if claims[name] != want {
					t.Errorf("%s is %v, want %v", name, claims[name], want)
				}
			}
			if _, ok := claims["xms_mirid"]; ok {
				t.Error("an application's token names a managed identity")
			}
		})
	}

	wrong, err := azidentity.NewClientSecretCredential(c.tenant.ID, c.app.AppID, "wrong",
		&azidentity.ClientSecretCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := wrong.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{arm + ".default"}}); err == nil {
		t.Error("a wrong secret got a token")
	}
}

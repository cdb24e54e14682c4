package conformance

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/msi/armmsi"
	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"
	"github.com/golang-jwt/jwt/v5"
)

// TestFederatedSignIn exchanges the tokens of an issuer outside of the cloud: for a managed identity's as workload
// identity does, and for an application's with MSAL.
func TestFederatedSignIn(t *testing.T) {
	if cloud.issuer == nil {
		t.Log("NOT RUN: the cloud of AZURE_AUTHORITY_HOST doesn't know an issuer of this test's")
		return
	}
	ctx, in := t.Context(), group(t)
	app := must[armmsi.UserAssignedIdentitiesClientCreateOrUpdateResponse](t, "making the identity")(clientFor(t, cloud.credential).CreateOrUpdate(ctx, in, "app", armmsi.Identity{Location: ptr(location)}, nil))
	federated := must[*armmsi.FederatedIdentityCredentialsClient](t, "making a client")(armmsi.NewFederatedIdentityCredentialsClient(cloud.Subscription, cloud.credential, cloud.options))
	trust := func(name, issuer string) {
		t.Helper()
		must[armmsi.FederatedIdentityCredentialsClientCreateOrUpdateResponse](t, "trusting")(federated.CreateOrUpdate(ctx, in, "app", name, armmsi.FederatedIdentityCredential{
			Properties: &armmsi.FederatedIdentityCredentialProperties{Audiences: []*string{ptr("api://AzureADTokenExchange")}, Issuer: &issuer, Subject: ptr("system:serviceaccount:default:app")},
		}, nil))
	}
	trust("one", cloud.issuer.server.URL)
	trust("private", "https://127.0.0.1:9/") // nobody configured it

	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(cloud.issuer.token(t, cloud.issuer.key, nil)), 0o600); err != nil {
		t.Fatal(err)
	}
	workload := must[*azidentity.WorkloadIdentityCredential](t, "making a credential")(azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
		ClientOptions: cloud.options.ClientOptions, DisableInstanceDiscovery: true, ClientID: *app.Properties.ClientID, TenantID: cloud.Tenant, TokenFilePath: file,
	}))
	// What it may is what its role says, at once.
	_, err := clientFor(t, workload).Get(ctx, in, "app", nil)
	refused(t, err, 403, "AuthorizationFailed")
	grant(t, reader, "/subscriptions/"+cloud.Subscription+"/resourceGroups/"+in, *app.Properties.PrincipalID)
	must[armmsi.UserAssignedIdentitiesClientGetResponse](t, "reading as the workload")(clientFor(t, workload).Get(ctx, in, "app", nil))

	strange := must[*rsa.PrivateKey](t, "making a key")(rsa.GenerateKey(rand.Reader, 2048))
	for _, c := range []struct{ name, token, want string }{
		{"another subject", cloud.issuer.token(t, cloud.issuer.key, func(c jwt.MapClaims) { c["sub"] = "system:serviceaccount:default:other" }), "AADSTS700213"},
		{"another audience", cloud.issuer.token(t, cloud.issuer.key, func(c jwt.MapClaims) { c["aud"] = "api://Other" }), "AADSTS700212"},
		{"another issuer", cloud.issuer.token(t, cloud.issuer.key, func(c jwt.MapClaims) { c["iss"] = "https://issuer.example" }), "AADSTS700211"},
		{"expired", cloud.issuer.token(t, cloud.issuer.key, func(c jwt.MapClaims) { c["exp"] = time.Now().Add(-time.Hour).Unix() }), "AADSTS700024"},
		{"another key", cloud.issuer.token(t, strange, nil), "AADSTS"},
		{"an issuer with a private address", cloud.issuer.token(t, cloud.issuer.key, func(c jwt.MapClaims) { c["iss"] = "https://127.0.0.1:9/" }), "AADSTS"},
	} {
		t.Run(c.name, func(t *testing.T) {
			credential := must[*azidentity.ClientAssertionCredential](t, "making a credential")(azidentity.NewClientAssertionCredential(cloud.Tenant, *app.Properties.ClientID,
				func(context.Context) (string, error) { return c.token, nil },
				&azidentity.ClientAssertionCredentialOptions{ClientOptions: cloud.options.ClientOptions, DisableInstanceDiscovery: true}))
			if _, err := credential.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{armScope}}); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

// TestFederatedApplication does the same for an application, by Graph and MSAL.
func TestFederatedApplication(t *testing.T) {
	if cloud.issuer == nil {
		t.Log("NOT RUN: the cloud of AZURE_AUTHORITY_HOST doesn't know an issuer of this test's")
		return
	}
	app := newApplication(t)
	created(t, "/applications/"+app.id+"/federatedIdentityCredentials", map[string]any{
		"name": "pipeline", "issuer": cloud.issuer.server.URL, "subject": "system:serviceaccount:default:app", "audiences": []string{"api://AzureADTokenExchange"},
	}, nil)
	proof := confidential.NewCredFromAssertionCallback(func(context.Context, confidential.AssertionRequestOptions) (string, error) {
		return cloud.issuer.token(t, cloud.issuer.key, nil), nil
	})
	client := must[confidential.Client](t, "making a client")(confidential.New(cloud.Origin+"/"+cloud.Tenant, app.appID, proof,
		confidential.WithHTTPClient(cloud.http), confidential.WithInstanceDiscovery(false)))
	got := must[confidential.AuthResult](t, "exchanging the token")(client.AcquireTokenByCredential(t.Context(), []string{armScope}))
	if claims := claimsOf(t, got.AccessToken); claims["appid"] != app.appID || claims["oid"] != app.principal {
		t.Errorf("the token is %v's, %v", claims["appid"], claims["oid"])
	}
}

// claimsOf reads a token without believing it.
func claimsOf(t *testing.T, token string) jwt.MapClaims {
	t.Helper()
	claims := jwt.MapClaims{}
	if _, _, err := jwt.NewParser().ParseUnverified(token, claims); err != nil {
		t.Fatalf("reading a token: %v", err)
	}
	return claims
}

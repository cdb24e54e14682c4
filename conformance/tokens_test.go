package conformance

import (
	"errors"
	"strings"
	"testing"

	azcloud "github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/resources/armresources/v4"
	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"
)

const armScope = "https://management.azure.com/.default"

// TestMSAL signs in with MSAL itself.
func TestMSAL(t *testing.T) {
	secret := must[confidential.Credential](t, "making a credential")(confidential.NewCredFromSecret(cloud.Secret))
	app := must[confidential.Client](t, "making a client")(confidential.New(cloud.Origin+"/"+cloud.Tenant, cloud.ClientID, secret,
		confidential.WithHTTPClient(cloud.http), confidential.WithInstanceDiscovery(false)))
	got := must[confidential.AuthResult](t, "asking for a token")(app.AcquireTokenByCredential(t.Context(), []string{armScope}))
	if got.AccessToken == "" || got.ExpiresOn.IsZero() {
		t.Error("the token is empty or never expires")
	}
	other := must[confidential.AuthResult](t, "asking for another service's token")(app.AcquireTokenByCredential(t.Context(), []string{"https://graph.microsoft.com/.default"}))
	if other.AccessToken == got.AccessToken {
		t.Error("one token is for two services")
	}
}

// TestSignInRefused tries what Entra refuses, and expects its codes.
func TestSignInRefused(t *testing.T) {
	const nobody = "11111111-2222-3333-4444-555555555555"
	for _, c := range []struct{ name, tenant, client, secret, scope, want string }{
		{"wrong secret", cloud.Tenant, cloud.ClientID, "wrong", armScope, "AADSTS7000215"},
		{"unknown application", cloud.Tenant, nobody, "wrong", armScope, "AADSTS700016"},
		{"unknown tenant", nobody, cloud.ClientID, cloud.Secret, armScope, "AADSTS90002"},
		{"unknown resource", cloud.Tenant, cloud.ClientID, cloud.Secret, "https://nothing.example/.default", "AADSTS500011"},
	} {
		t.Run(c.name, func(t *testing.T) {
			credential := must[*azidentity.ClientSecretCredential](t, "making a credential")(azidentity.NewClientSecretCredential(c.tenant, c.client, c.secret,
				&azidentity.ClientSecretCredentialOptions{ClientOptions: cloud.options.ClientOptions, DisableInstanceDiscovery: true}))
			_, err := credential.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{c.scope}})
			var failed *azidentity.AuthenticationFailedError
			if !errors.As(err, &failed) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

// TestTokenForAnotherService shows that ARM takes no token that wasn't meant for it.
func TestTokenForAnotherService(t *testing.T) {
	options := *cloud.options
	services := options.Cloud.Services
	options.Cloud.Services = map[azcloud.ServiceName]azcloud.ServiceConfiguration{}
	for name, service := range services {
		service.Audience = "https://storage.azure.com"
		options.Cloud.Services[name] = service
	}
	groups := must[*armresources.ResourceGroupsClient](t, "making a client")(armresources.NewResourceGroupsClient(cloud.Subscription, cloud.credential, &options))
	_, err := groups.Get(t.Context(), "none", nil)
	refused(t, err, 401, "InvalidAuthenticationTokenAudience")
}

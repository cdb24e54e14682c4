package local

import (
	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/lanyard-project/lanyard/internal/secret"
)

// Configuration is the cloud as the Azure SDKs for Go know clouds.
func (c *Cloud) Configuration() cloud.Configuration {
	return cloud.Configuration{
		ActiveDirectoryAuthorityHost: c.Origin() + "/",
		Services: map[cloud.ServiceName]cloud.ServiceConfiguration{
			cloud.ResourceManager: {Endpoint: c.Origin(), Audience: "https://management.azure.com"},
		},
	}
}

// SDK signs a service principal in for the Azure SDK's clients.
func (c *Cloud) SDK(tenantID, clientID string, clientSecret secret.String) (azcore.TokenCredential, *arm.ClientOptions, error) {
	client, err := c.Client()
	if err != nil {
		return nil, nil, err
	}
	options := policy.ClientOptions{Transport: client, Cloud: c.Configuration()}
	// Instance discovery asks login.microsoftonline.com about unknown authorities.
	credential, err := azidentity.NewClientSecretCredential(tenantID, clientID, clientSecret.Reveal(),
		&azidentity.ClientSecretCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: true})
	return credential, &arm.ClientOptions{ClientOptions: options}, err
}

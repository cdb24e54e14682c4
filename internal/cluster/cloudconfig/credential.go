package cloudconfig

import (
	"fmt"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// Credential returns the managed identity that the config names. The SDK's own
// retries are kept short, two within seconds: while instance metadata can't be
// reached the caller's work queue waits, and says so, instead of a worker.
func (c *Config) Credential(endpoints cloud.Configuration) (azcore.TokenCredential, error) {
	options := &azidentity.ManagedIdentityCredentialOptions{ClientOptions: azcore.ClientOptions{
		Cloud: endpoints,
		Retry: policy.RetryOptions{MaxRetries: 2, RetryDelay: 500 * time.Millisecond, MaxRetryDelay: 2 * time.Second, TryTimeout: 10 * time.Second},
	}}
	if c.UserAssignedIdentityID != "" {
		options.ID = azidentity.ClientID(c.UserAssignedIdentityID)
	}
	credential, err := azidentity.NewManagedIdentityCredential(options)
	if err != nil {
		return nil, fmt.Errorf("preparing to sign in as a managed identity: %w", err)
	}
	return credential, nil
}

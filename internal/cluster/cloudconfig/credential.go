package cloudconfig

import (
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

const dialTimeout = 5 * time.Second

// Credential returns the managed identity that the config names. The SDK's own
// retries are kept short, two within seconds: while instance metadata can't be
// reached the caller's work queue waits, and says so, instead of a worker.
func (c *Config) Credential(endpoints cloud.Configuration) (azcore.TokenCredential, error) {
	// Instance metadata is plain HTTP next door. It is asked directly, whatever
	// the environment says of proxies: one would see the token, and would ask on
	// behalf of another machine.
	direct := &http.Client{Transport: &http.Transport{
		DialContext: (&net.Dialer{Timeout: dialTimeout}).DialContext,
	}}
	options := &azidentity.ManagedIdentityCredentialOptions{ClientOptions: azcore.ClientOptions{
		Cloud:     endpoints,
		Transport: direct,
		Retry:     policy.RetryOptions{MaxRetries: 2, RetryDelay: 500 * time.Millisecond, MaxRetryDelay: 2 * time.Second, TryTimeout: 10 * time.Second},
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

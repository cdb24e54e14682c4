package cloudconfig

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

const dialTimeout = 5 * time.Second

// checkSignIn insists on one way to sign in that is complete.
func (c *Config) checkSignIn() error {
	switch {
	case c.UseManagedIdentityExtension:
		return nil
	case c.AADClientID == "" || c.TenantID == "":
		return errors.New("it says neither useManagedIdentityExtension: true nor aadClientId and tenantId: there is nothing to sign in with")
	case c.UseFederatedWorkloadIdentityExtension && c.AADFederatedTokenFile == "":
		return errors.New("useFederatedWorkloadIdentityExtension is true and aadFederatedTokenFile is empty: name the file of the projected service account token")
	case c.AADFederatedTokenFile == "" && c.AADClientCertPath == "" && c.AADClientSecret.IsZero():
		return fmt.Errorf("application %s has neither aadClientSecret nor aadClientCertPath nor aadFederatedTokenFile", c.AADClientID)
	}
	return nil
}

// ClientID is what Azure knows the signed-in identity by; empty for a machine's
// system-assigned one.
func (c *Config) ClientID() string {
	if c.UseManagedIdentityExtension {
		return c.UserAssignedIdentityID
	}
	return c.AADClientID
}

// Credential returns what the config says to sign in with. The SDK's own retries
// are kept short, two within seconds: while the token service can't be reached the
// caller's work queue waits, and says so, instead of a worker.
func (c *Config) Credential(endpoints cloud.Configuration) (azcore.TokenCredential, error) {
	options := azcore.ClientOptions{
		Cloud: endpoints,
		Retry: policy.RetryOptions{MaxRetries: 2, RetryDelay: 500 * time.Millisecond, MaxRetryDelay: 2 * time.Second, TryTimeout: 10 * time.Second},
	}
	credential, err := c.signIn(options)
	if err != nil {
		return nil, fmt.Errorf("preparing to sign in: %w", err)
	}
	return credential, nil
}

func (c *Config) signIn(options azcore.ClientOptions) (azcore.TokenCredential, error) {
	// A cloud with an authority of its own isn't known to Microsoft's directory of
	// authorities, and may not reach it.
	private := c.ActiveDirectoryEndpoint != ""
	switch {
	case c.UseManagedIdentityExtension:
		return c.managedIdentity(options)
	case c.AADFederatedTokenFile != "":
		return azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
			ClientOptions: options, ClientID: c.AADClientID, TenantID: c.TenantID,
			TokenFilePath: c.AADFederatedTokenFile, DisableInstanceDiscovery: private,
		})
	case c.AADClientCertPath != "":
		file, err := os.ReadFile(c.AADClientCertPath)
		if err != nil {
			return nil, fmt.Errorf("reading aadClientCertPath: %w", err)
		}
		certificates, key, err := azidentity.ParseCertificates(file, []byte(c.AADClientCertPassword.Reveal()))
		if err != nil {
			return nil, fmt.Errorf("aadClientCertPath %s: %w", c.AADClientCertPath, err)
		}
		return azidentity.NewClientCertificateCredential(c.TenantID, c.AADClientID, certificates, key,
			&azidentity.ClientCertificateCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: private})
	default:
		return azidentity.NewClientSecretCredential(c.TenantID, c.AADClientID, c.AADClientSecret.Reveal(),
			&azidentity.ClientSecretCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: private})
	}
}

func (c *Config) managedIdentity(options azcore.ClientOptions) (azcore.TokenCredential, error) {
	// Instance metadata is plain HTTP next door. It is asked directly, whatever
	// the environment says of proxies: one would see the token, and would ask on
	// behalf of another machine.
	options.Transport = &http.Client{Transport: &http.Transport{
		DialContext: (&net.Dialer{Timeout: dialTimeout}).DialContext,
	}}
	managed := &azidentity.ManagedIdentityCredentialOptions{ClientOptions: options}
	if c.UserAssignedIdentityID != "" {
		managed.ID = azidentity.ClientID(c.UserAssignedIdentityID)
	}
	return azidentity.NewManagedIdentityCredential(managed)
}

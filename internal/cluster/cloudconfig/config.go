package cloudconfig

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"sigs.k8s.io/yaml"

	"github.com/lanyard-project/lanyard/internal/secret"
)

// Config is the part of the file that matters here; it has many more fields.
// Their names are cloud-provider-azure's.
type Config struct {
	Cloud                       string `json:"cloud"`
	TenantID                    string `json:"tenantId"`
	SubscriptionID              string `json:"subscriptionId"`
	ResourceGroup               string `json:"resourceGroup"`
	UseManagedIdentityExtension bool   `json:"useManagedIdentityExtension"`
	// UserAssignedIdentityID is the client ID of the managed identity to sign in
	// as; empty means the machine's system-assigned one.
	UserAssignedIdentityID string `json:"userAssignedIdentityID"`
	// AADClientID is the application to sign in as, where no managed identity is
	// used, with one of the three proofs that follow. On AKS it says "msi".
	AADClientID     string        `json:"aadClientId"`
	AADClientSecret secret.String `json:"aadClientSecret"`
	// AADClientCertPath is a file with certificate and key, in PEM or PKCS#12.
	AADClientCertPath     string        `json:"aadClientCertPath"`
	AADClientCertPassword secret.String `json:"aadClientCertPassword"`
	// AADFederatedTokenFile holds a service account token of the cluster, which the
	// kubelet keeps fresh, for workload identity federation.
	UseFederatedWorkloadIdentityExtension bool   `json:"useFederatedWorkloadIdentityExtension"`
	AADFederatedTokenFile                 string `json:"aadFederatedTokenFile"`
	// ResourceManagerEndpoint and ActiveDirectoryEndpoint replace the ones of
	// Cloud, for clouds that have no name.
	ResourceManagerEndpoint string `json:"resourceManagerEndpoint"`
	ActiveDirectoryEndpoint string `json:"activeDirectoryEndpoint"`
}

// Read reads a file; lookup gives environment variables, of which the file may
// leave the endpoints of its cloud to AZURE_ENVIRONMENT_FILEPATH.
func Read(path string, lookup func(name string) string) (*Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading cloud config: %w", err)
	}
	c, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("cloud config %s: %w", path, err)
	}
	if err := c.readEndpoints(lookup); err != nil {
		return nil, err
	}
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("cloud config %s: %w", path, err)
	}
	return c, nil
}

// parse reads JSON or YAML.
func parse(data []byte) (*Config, error) {
	var c Config
	if err := yaml.Unmarshal(data, &c); err != nil {
		// The decoder's own error quotes the input, which may hold a secret.
		return nil, errors.New("it is neither JSON nor YAML with the fields of azure.json")
	}
	return &c, nil
}

func (c *Config) check() error {
	if _, err := c.Endpoints(); err != nil {
		return err
	}
	return c.checkSignIn()
}

// Endpoints returns the cloud that the config names, with its replacements.
func (c *Config) Endpoints() (cloud.Configuration, error) {
	var base cloud.Configuration
	switch strings.ToLower(c.Cloud) {
	case "", "azurepubliccloud", "azurecloud", "azurestackcloud":
		base = cloud.AzurePublic
	case "azureusgovernmentcloud", "azureusgovernment":
		base = cloud.AzureGovernment
	case "azurechinacloud":
		base = cloud.AzureChina
	default:
		if c.ResourceManagerEndpoint == "" {
			return cloud.Configuration{}, fmt.Errorf("cloud %q is unknown and resourceManagerEndpoint is empty", c.Cloud)
		}
		base = cloud.AzurePublic
	}
	own := cloud.Configuration{
		ActiveDirectoryAuthorityHost: base.ActiveDirectoryAuthorityHost,
		Services:                     map[cloud.ServiceName]cloud.ServiceConfiguration{},
	}
	for name, service := range base.Services {
		own.Services[name] = service
	}
	if c.ActiveDirectoryEndpoint != "" {
		if err := checkEndpoint("activeDirectoryEndpoint", c.ActiveDirectoryEndpoint); err != nil {
			return cloud.Configuration{}, err
		}
		own.ActiveDirectoryAuthorityHost = c.ActiveDirectoryEndpoint
	}
	if c.ResourceManagerEndpoint != "" {
		if err := checkEndpoint("resourceManagerEndpoint", c.ResourceManagerEndpoint); err != nil {
			return cloud.Configuration{}, err
		}
		manager := own.Services[cloud.ResourceManager]
		manager.Endpoint = strings.TrimSuffix(c.ResourceManagerEndpoint, "/")
		own.Services[cloud.ResourceManager] = manager
	}
	return own, nil
}

// checkEndpoint insists on TLS: a token is sent there.
func checkEndpoint(field, text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf("%s %q isn't an https URL", field, text)
	}
	return nil
}

package cloudconfig

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"

	"github.com/lanyard-project/lanyard/internal/secret"
)

// FromEnvironment reads the config from variables, by lookup: those of
// aad-pod-identity (its chart fills them from the secret aadpodidentity-admin-secret),
// and those that the workload identity webhook puts into a pod.
func FromEnvironment(lookup func(name string) string) (*Config, error) {
	c := &Config{
		Cloud:                   lookup("CLOUD"),
		TenantID:                first(lookup, "TENANT_ID", "AZURE_TENANT_ID"),
		SubscriptionID:          lookup("SUBSCRIPTION_ID"),
		ResourceGroup:           lookup("RESOURCE_GROUP"),
		UserAssignedIdentityID:  lookup("USER_ASSIGNED_MSI_CLIENT_ID"),
		AADClientID:             first(lookup, "CLIENT_ID", "AZURE_CLIENT_ID"),
		AADClientSecret:         secret.New(lookup("CLIENT_SECRET")),
		AADFederatedTokenFile:   lookup("AZURE_FEDERATED_TOKEN_FILE"),
		ActiveDirectoryEndpoint: lookup("AZURE_AUTHORITY_HOST"),
	}
	if text := lookup("USE_MSI"); text != "" {
		managed, err := strconv.ParseBool(text)
		if err != nil {
			return nil, fmt.Errorf("environment: USE_MSI is %q, neither true nor false", text)
		}
		c.UseManagedIdentityExtension = managed
	}
	if err := c.readEndpoints(lookup); err != nil {
		return nil, err
	}
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("environment (TENANT_ID, CLIENT_ID, CLIENT_SECRET, USE_MSI and so on): %w", err)
	}
	return c, nil
}

// readEndpoints takes the endpoints of a cloud without a name from the file that
// clusters of Azure Stack describe theirs in, if there is one.
func (c *Config) readEndpoints(lookup func(string) string) error {
	path := lookup("AZURE_ENVIRONMENT_FILEPATH")
	if path == "" || c.ResourceManagerEndpoint != "" {
		return nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("reading AZURE_ENVIRONMENT_FILEPATH: %w", err)
	}
	var described struct {
		ResourceManagerEndpoint string `json:"resourceManagerEndpoint"`
		ActiveDirectoryEndpoint string `json:"activeDirectoryEndpoint"`
	}
	if err := json.Unmarshal(data, &described); err != nil {
		return fmt.Errorf("AZURE_ENVIRONMENT_FILEPATH %s: %w", path, err)
	}
	c.ResourceManagerEndpoint, c.ActiveDirectoryEndpoint = described.ResourceManagerEndpoint, described.ActiveDirectoryEndpoint
	return nil
}

func first(lookup func(string) string, names ...string) string {
	for _, name := range names {
		if value := lookup(name); value != "" {
			return value
		}
	}
	return ""
}

package local

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// EnvFile is the file of shell exports that WriteEnv writes.
func (c *Cloud) EnvFile() string { return filepath.Join(c.Dir, "env") }

// ExtensionIndex is where the cloud lists its extensions of az.
func (c *Cloud) ExtensionIndex() string { return c.Origin() + "/extensions/index.json" }

// Environment are variables under the names that the clients themselves read: Azure
// SDKs (AZURE_*), Terraform azurerm (ARM_*), TLS trust of Go, OpenSSL and Python
// programs, and kubectl. One of them is a secret.
func (c *Cloud) Environment(kubeconfig string) ([][2]string, error) {
	admin, err := c.Administrator()
	if err != nil {
		return nil, err
	}
	host := strings.TrimPrefix(c.Origin(), "https://")
	vars := [][2]string{
		{"AZURE_TENANT_ID", admin.TenantID},
		{"AZURE_SUBSCRIPTION_ID", admin.SubscriptionID},
		{"AZURE_CLIENT_ID", admin.ClientID},
		{"AZURE_CLIENT_SECRET", admin.ClientSecret.Reveal()},
		{"AZURE_AUTHORITY_HOST", c.Origin() + "/"},
		{"ARM_ENDPOINT", c.Origin()},
		{"ARM_METADATA_HOSTNAME", host},
		{"ARM_METADATA_HOST", host},
		{"ARM_TENANT_ID", admin.TenantID},
		{"ARM_SUBSCRIPTION_ID", admin.SubscriptionID},
		{"ARM_CLIENT_ID", admin.ClientID},
		{"ARM_CLIENT_SECRET", admin.ClientSecret.Reveal()},
		{"SSL_CERT_FILE", c.CAFile()},
		{"REQUESTS_CA_BUNDLE", c.CAFile()},
		{"AZURE_EXTENSION_INDEX_URL", c.ExtensionIndex()},
	}
	if kubeconfig != "" {
		vars = append(vars, [2]string{"KUBECONFIG", kubeconfig})
	}
	return vars, nil
}

// WriteEnv writes shell exports of the Environment, readable by its owner only.
func (c *Cloud) WriteEnv(kubeconfig string) error {
	vars, err := c.Environment(kubeconfig)
	if err != nil {
		return err
	}
	var b strings.Builder
	for _, v := range vars {
		fmt.Fprintf(&b, "export %s='%s'\n", v[0], strings.ReplaceAll(v[1], "'", `'\''`))
	}
	return os.WriteFile(c.EnvFile(), []byte(b.String()), 0o600)
}

package cloudconfig_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"

	"github.com/lanyard-project/lanyard/internal/cluster/cloudconfig"
)

// variables are an environment.
func variables(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func file(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "azure.json")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRead(t *testing.T) {
	certificate := file(t, certificateAndKey(t))
	tests := []struct {
		name, text              string
		wantClient              string
		wantManager, wantSignIn string
		wantError               string
	}{
		{
			"a node of our own cloud",
			`{"cloud":"AzurePublicCloud","tenantId":"t","subscriptionId":"s","resourceGroup":"MC_rg","vmType":"vmss",
			  "useManagedIdentityExtension":true,"userAssignedIdentityID":"c","primaryScaleSetName":"p",
			  "resourceManagerEndpoint":"https://168.63.129.16/","activeDirectoryEndpoint":"https://168.63.129.16/"}`,
			"c", "https://168.63.129.16", "https://168.63.129.16/", "",
		},
		{
			"AKS, public cloud", `{"cloud":"AzurePublicCloud","aadClientId":"msi","aadClientSecret":"msi","useManagedIdentityExtension":true}`,
			"", "https://management.azure.com", "https://login.microsoftonline.com/", "",
		},
		{
			"YAML, government", "cloud: AzureUSGovernmentCloud\nuseManagedIdentityExtension: true\n",
			"", "https://management.usgovcloudapi.net", "https://login.microsoftonline.us/", "",
		},
		{
			"service principal with a secret", `{"tenantId":"t","aadClientId":"app","aadClientSecret":"hunter2"}`,
			"app", "https://management.azure.com", "https://login.microsoftonline.com/", "",
		},
		{
			"service principal with a certificate", fmt.Sprintf(`{"tenantId":"t","aadClientId":"app","aadClientCertPath":%q}`, certificate),
			"app", "https://management.azure.com", "https://login.microsoftonline.com/", "",
		},
		{
			"workload identity", `{"tenantId":"t","aadClientId":"app","useFederatedWorkloadIdentityExtension":true,"aadFederatedTokenFile":"/var/run/token"}`,
			"app", "https://management.azure.com", "https://login.microsoftonline.com/", "",
		},
		{"unnamed cloud without endpoint", `{"cloud":"Mine","useManagedIdentityExtension":true}`, "", "", "", `cloud "Mine" is unknown`},
		{"endpoint without TLS", `{"useManagedIdentityExtension":true,"resourceManagerEndpoint":"http://arm"}`, "", "", "", "isn't an https URL"},
		{"nothing to sign in with", `{"aadClientSecret":"hunter2"}`, "", "", "", "nothing to sign in with"},
		{"application without a proof", `{"tenantId":"t","aadClientId":"app"}`, "", "", "", "neither aadClientSecret nor"},
		{"workload identity without a token", `{"tenantId":"t","aadClientId":"app","useFederatedWorkloadIdentityExtension":true}`, "", "", "", "aadFederatedTokenFile is empty"},
		{"nonsense", `hunter2: [`, "", "", "", "neither JSON nor YAML"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			c, err := cloudconfig.Read(file(t, tc.text), variables())
			if tc.wantError != "" {
				if err == nil || !strings.Contains(err.Error(), tc.wantError) || strings.Contains(err.Error(), "hunter2") {
					t.Fatalf("got error %v, want %q and no secret", err, tc.wantError)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			check(t, c, tc.wantClient, tc.wantManager, tc.wantSignIn)
		})
	}
}

func check(t *testing.T, c *cloudconfig.Config, wantClient, wantManager, wantSignIn string) {
	t.Helper()
	endpoints, err := c.Endpoints()
	if err != nil {
		t.Fatal(err)
	}
	if got := endpoints.Services[cloud.ResourceManager]; got.Endpoint != wantManager || got.Audience == "" {
		t.Errorf("resource manager %+v, want %s with an audience", got, wantManager)
	}
	if got := endpoints.ActiveDirectoryAuthorityHost; got != wantSignIn {
		t.Errorf("sign-in %s, want %s", got, wantSignIn)
	}
	if got := c.ClientID(); got != wantClient {
		t.Errorf("signs in as %q, want %q", got, wantClient)
	}
	if _, err := c.Credential(endpoints); err != nil {
		t.Errorf("credential: %v", err)
	}
	if text := fmt.Sprintf("%+v", c); strings.Contains(text, "hunter2") {
		t.Errorf("the secret is printed: %s", text)
	}
}

// The variables are those that aad-pod-identity's chart makes of its admin secret.
func TestFromEnvironment(t *testing.T) {
	stack := file(t, `{"name":"Mine","resourceManagerEndpoint":"https://arm.example/","activeDirectoryEndpoint":"https://login.example/"}`)
	for name, tc := range map[string]struct {
		variables                           []string
		wantClient, wantManager, wantSignIn string
		wantError                           string
	}{
		"service principal": {
			[]string{"CLOUD", "AzureChinaCloud", "TENANT_ID", "t", "CLIENT_ID", "app", "CLIENT_SECRET", "hunter2"},
			"app", "https://management.chinacloudapi.cn", "https://login.chinacloudapi.cn/", "",
		},
		"managed identity": {
			[]string{"USE_MSI", "true", "USER_ASSIGNED_MSI_CLIENT_ID", "c"},
			"c", "https://management.azure.com", "https://login.microsoftonline.com/", "",
		},
		"workload identity webhook": {
			[]string{"AZURE_TENANT_ID", "t", "AZURE_CLIENT_ID", "app", "AZURE_FEDERATED_TOKEN_FILE", "/var/run/token", "AZURE_AUTHORITY_HOST", "https://login.microsoftonline.com/"},
			"app", "https://management.azure.com", "https://login.microsoftonline.com/", "",
		},
		"cloud without a name": {
			[]string{"CLOUD", "AzureStackCloud", "AZURE_ENVIRONMENT_FILEPATH", stack, "TENANT_ID", "t", "CLIENT_ID", "app", "CLIENT_SECRET", "hunter2"},
			"app", "https://arm.example", "https://login.example/", "",
		},
		"nothing":     {nil, "", "", "", "nothing to sign in with"},
		"no boolean":  {[]string{"USE_MSI", "perhaps"}, "", "", "", "neither true nor false"},
		"no endpoint": {[]string{"USE_MSI", "true", "AZURE_ENVIRONMENT_FILEPATH", "/does/not/exist"}, "", "", "", "AZURE_ENVIRONMENT_FILEPATH"},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := cloudconfig.FromEnvironment(variables(tc.variables...))
			if tc.wantError != "" {
				if err == nil || !strings.Contains(err.Error(), tc.wantError) {
					t.Fatalf("got error %v, want %q", err, tc.wantError)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			check(t, c, tc.wantClient, tc.wantManager, tc.wantSignIn)
		})
	}
}

func TestNamedCloudIsNotChanged(t *testing.T) {
	c := cloudconfig.Config{ResourceManagerEndpoint: "https://mine/"}
	if _, err := c.Endpoints(); err != nil {
		t.Fatal(err)
	}
	if got := cloud.AzurePublic.Services[cloud.ResourceManager].Endpoint; got != "https://management.azure.com" {
		t.Errorf("the SDK's own table now says %s", got)
	}
}

func certificateAndKey(t *testing.T) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})) +
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
}

package cloudconfig_test

import (
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"

	"github.com/lanyard-project/lanyard/internal/cluster/cloudconfig"
)

func TestParse(t *testing.T) {
	tests := []struct {
		name, text              string
		wantManager, wantSignIn string
		wantError               string
	}{
		{
			"a node of our own cloud",
			`{"cloud":"AzurePublicCloud","tenantId":"t","subscriptionId":"s","resourceGroup":"MC_rg","vmType":"vmss",
			  "useManagedIdentityExtension":true,"userAssignedIdentityID":"c","primaryScaleSetName":"p",
			  "resourceManagerEndpoint":"https://168.63.129.16/","activeDirectoryEndpoint":"https://168.63.129.16/"}`,
			"https://168.63.129.16", "https://168.63.129.16/", "",
		},
		{
			"AKS, public cloud", `{"cloud":"AzurePublicCloud","aadClientId":"msi","aadClientSecret":"msi","useManagedIdentityExtension":true}`,
			"https://management.azure.com", "https://login.microsoftonline.com/", "",
		},
		{
			"YAML, government", "cloud: AzureUSGovernmentCloud\nuseManagedIdentityExtension: true\n",
			"https://management.usgovcloudapi.net", "https://login.microsoftonline.us/", "",
		},
		{"unnamed cloud without endpoint", `{"cloud":"Mine","useManagedIdentityExtension":true}`, "", "", `cloud "Mine" is unknown`},
		{"endpoint without TLS", `{"useManagedIdentityExtension":true,"resourceManagerEndpoint":"http://arm"}`, "", "", "isn't an https URL"},
		{"service principal", `{"aadClientId":"c","aadClientSecret":"hunter2"}`, "", "", "isn't supported"},
		{"nonsense", `hunter2: [`, "", "", "neither JSON nor YAML"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			c, err := cloudconfig.Parse([]byte(tc.text))
			if tc.wantError != "" {
				if err == nil || !strings.Contains(err.Error(), tc.wantError) || strings.Contains(err.Error(), "hunter2") {
					t.Fatalf("got error %v, want %q and no secret", err, tc.wantError)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			endpoints, err := c.Endpoints()
			if err != nil {
				t.Fatal(err)
			}
			if got := endpoints.Services[cloud.ResourceManager]; got.Endpoint != tc.wantManager || got.Audience == "" {
				t.Errorf("resource manager %+v, want %s with an audience", got, tc.wantManager)
			}
			if got := endpoints.ActiveDirectoryAuthorityHost; got != tc.wantSignIn {
				t.Errorf("sign-in %s, want %s", got, tc.wantSignIn)
			}
			if _, err := c.Credential(endpoints); err != nil {
				t.Errorf("credential: %v", err)
			}
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

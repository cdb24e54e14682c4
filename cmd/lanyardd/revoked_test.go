package main

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	azcloud "github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/resources/armresources"
)

// TestClientsOfADroppedKeyGetNewTokensByThemselves: SDKs keep a token until it
// expires. The challenge of ARM's refusal makes them throw it away, so that they
// notice nothing of the key that went.
func TestClientsOfADroppedKeyGetNewTokensByThemselves(t *testing.T) {
	i := newInstance(t)
	defer i.serve(t)()
	admin := i.administrator(t)
	own := i.token(t, admin) // kept by hand
	options := azcore.ClientOptions{Transport: client(t, i.ca(t)), Cloud: azcloud.Configuration{
		ActiveDirectoryAuthorityHost: i.origin() + "/",
		Services:                     map[azcloud.ServiceName]azcloud.ServiceConfiguration{azcloud.ResourceManager: {Endpoint: i.origin(), Audience: "https://management.azure.com"}},
	}}
	credential, err := azidentity.NewClientSecretCredential(admin.TenantID, admin.ClientID, admin.ClientSecret,
		&azidentity.ClientSecretCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: true})
	if err != nil {
		t.Fatal(err)
	}
	groups, err := armresources.NewResourceGroupsClient(admin.SubscriptionID, credential, &arm.ClientOptions{ClientOptions: options, DisableRPRegistration: true})
	if err != nil {
		t.Fatal(err)
	}
	list := func() error { _, err := groups.NewListPager(nil).NextPage(t.Context()); return err }
	if err := list(); err != nil {
		t.Fatal(err)
	}
	group := "/subscriptions/" + admin.SubscriptionID + "/resourceGroups/rg"
	for _, made := range []struct{ path, body string }{
		{group + "?api-version=2021-04-01", `{"location":"westus2"}`},
		{group + "/providers/Microsoft.Storage/storageAccounts/acct?api-version=2023-01-01", `{"location":"westus2","kind":"StorageV2","sku":{"name":"Standard_LRS"}}`},
		{group + "/providers/Microsoft.ServiceBus/namespaces/lanyard-test?api-version=2021-11-01", `{"location":"westus2","sku":{"name":"Standard"}}`},
	} {
		if status := i.call(t, http.MethodPut, made.path, own, made.body); status/100 != 2 {
			t.Fatalf("PUT %s: %d", made.path, status)
		}
	}
	published := i.publishedKeys(t)
	i.run(t, "keys", "drop", published[0])
	path := "/subscriptions/" + admin.SubscriptionID + "/resourcegroups?api-version=2021-04-01"
	refused := eventually(t, func() (http.Header, bool) {
		status, header := i.get(t, "", path, own)
		return header, status == http.StatusUnauthorized
	})
	challenges := map[string]http.Header{"ARM": refused}
	for host, path := range map[string]string{"acct.blob.core.windows.net": "/inbox/a", "lanyard-test.servicebus.windows.net": "/q/messages/head"} {
		_, challenges[host] = i.get(t, host, path, own)
	}
	for by, header := range challenges {
		challenge := header.Get("WWW-Authenticate")
		_, encoded, _ := strings.Cut(challenge, `claims="`)
		claims, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(encoded, `"`))
		if err != nil || !strings.Contains(challenge, `error="insufficient_claims"`) || !strings.Contains(string(claims), `"nbf"`) {
			t.Errorf("%s: the challenge is %s (%s, %v)", by, challenge, claims, err)
		}
	}
	if err := list(); err != nil {
		t.Errorf("a client that had a token of the dropped key: %v", err)
	}
	if slices.Contains(i.publishedKeys(t), published[0]) {
		t.Error("the dropped key is published")
	}
}

// eventually asks until the answer is the one that is waited for.
func eventually[T any](t *testing.T, ask func() (T, bool)) T {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		got, ok := ask()
		if ok {
			return got
		}
		if time.Now().After(deadline) {
			t.Fatalf("it never came to that, at last: %v", got)
		}
	}
}

// get makes a call of a host, ARM if it is empty, and returns its status and headers.
func (i *instance) get(t *testing.T, host, path, token string) (int, http.Header) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, i.origin()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if host != "" {
		request.Host = host
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := client(t, i.ca(t)).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	return response.StatusCode, response.Header
}

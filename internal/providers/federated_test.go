package providers_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/msi/armmsi"
	"github.com/google/go-cmp/cmp"

	"github.com/lanyard-project/lanyard/internal/directory"
)

const federatedPath = identityPath + "/federatedIdentityCredentials/fic"

func federatedBody(issuer, subject string, audiences ...string) string {
	return fmt.Sprintf(`{"properties":{"issuer":%q,"subject":%q,"audiences":["%s"]}}`, issuer, subject, strings.Join(audiences, `","`))
}

// owner makes the identity and returns whose federated credentials are looked at.
func (f *fixture) owner() string {
	f.Helper()
	made := f.must(201, "PUT", identityPath+"?api-version=2023-01-31", `{"location":"westus2"}`)
	return made["properties"].(map[string]any)["principalId"].(string)
}

func TestFederatedCredentialSDK(t *testing.T) {
	f := newCloud(t)
	owner := f.owner()
	cred, options := f.as(ownerID)
	client, err := armmsi.NewFederatedIdentityCredentialsClient(subscription, cred, options)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	made, err := client.CreateOrUpdate(ctx, "g", "demo", "fic", armmsi.FederatedIdentityCredential{Properties: &armmsi.FederatedIdentityCredentialProperties{
		Issuer: to.Ptr("https://issuer.example/"), Subject: to.Ptr("system:serviceaccount:ns:sa"), Audiences: []*string{to.Ptr("api://AzureADTokenExchange")},
	}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.Replace(federatedPath, "resourceGroups", "resourcegroups", 1); *made.ID != want || *made.Type != "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials" {
		t.Errorf("%s of %s", *made.ID, *made.Type)
	}
	known := f.directory.FederatedCredentials(owner)
	if len(known) != 1 || known[0].Subject != "system:serviceaccount:ns:sa" {
		t.Fatalf("the token service must know it when the caller hears of success: %v", known)
	}
	f.must(200, "PUT", federatedPath+"?api-version=2022-01-31-preview", federatedBody("https://issuer.example/", "system:serviceaccount:ns:other", "a"))
	if got := f.directory.FederatedCredentials(owner); len(got) != 1 || got[0].Subject != "system:serviceaccount:ns:other" || got[0].ID != known[0].ID {
		t.Errorf("updated: %v", got)
	}
	var names []string
	for pager := client.NewListPager("g", "demo", nil); pager.More(); {
		page, err := pager.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range page.Value {
			names = append(names, *one.Name)
		}
	}
	if diff := cmp.Diff([]string{"fic"}, names); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
	for range 2 {
		if _, err := client.Delete(ctx, "g", "demo", "fic", nil); err != nil {
			t.Fatal(err)
		}
	}
	if got := f.directory.FederatedCredentials(owner); len(got) != 0 {
		t.Errorf("deleted: %v", got)
	}
	// An identity takes its credentials with it.
	f.must(201, "PUT", federatedPath+"?api-version=2023-01-31", federatedBody("https://i", "s", "a"))
	f.must(200, "DELETE", identityPath+"?api-version=2023-01-31", "")
	if got := f.directory.FederatedCredentials(owner); len(got) != 0 {
		t.Errorf("its identity is deleted: %v", got)
	}
}

func TestFederatedCredentialRefusals(t *testing.T) {
	f := newCloud(t)
	f.owner()
	f.must(201, "PUT", federatedPath+"?api-version=2023-01-31", federatedBody("https://i", "s", "a"))
	for _, tt := range []struct{ name, method, path, body, code, text string }{
		{"nothing", "PUT", federatedPath, `{}`, "BadRequest", "Federated Identity Credential from HTTP body has empty properties"},
		{"no audience", "PUT", federatedPath, `{"properties":{"issuer":"https://i","subject":"s"}}`, "BadRequest", "Federated identity credentials must have exactly one audience."},
		{"two audiences", "PUT", federatedPath, federatedBody("https://i", "s", "a", "b"), "BadRequest", "Federated identity credentials must have exactly one audience."},
		{"twice", "PUT", federatedPath + "2", federatedBody("https://i", "s", "b"), "BadRequest", "Issuer and subject combination already exists for this Managed Identity."},
		{"too long", "PUT", federatedPath, federatedBody("https://i", strings.Repeat("s", 601), "b"), "BadRequest", "The subject of a federated identity credential must not be longer than 600 characters."},
		{"http", "PUT", federatedPath, federatedBody("http://i", "s", "b"), "BadRequest", "The issuer of a federated identity credential must be a URL that starts with 'https://'."},
		{"short name", "PUT", strings.TrimSuffix(federatedPath, "c"), federatedBody("https://i", "t", "b"), "InvalidResourceName", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := &fixture{TB: t, server: f.server}
			if got := f.refused(ownerID, 400, tt.code, tt.method, tt.path+"?api-version=2023-01-31", tt.body); tt.text != "" && got != tt.text {
				t.Errorf("%s", got)
			}
		})
	}
	f.refused(ownerID, 404, "ParentResourceNotFound", "PUT", strings.Replace(federatedPath, "/demo/", "/nobody/", 1)+"?api-version=2023-01-31", federatedBody("https://i", "s", "a"))
	f.refused(guestID, 403, "AuthorizationFailed", "PUT", federatedPath+"?api-version=2023-01-31", federatedBody("https://i", "s", "a"))
	for i := range directory.MaxFederated - 1 {
		f.must(201, "PUT", fmt.Sprintf("%s-%d?api-version=2023-01-31", federatedPath, i), federatedBody("https://i", fmt.Sprint("n", i), "a"))
	}
	f.refused(ownerID, 400, "BadRequest", "PUT", federatedPath+"-more?api-version=2023-01-31", federatedBody("https://i", "more", "a"))
}

func TestConcurrentFederatedCredentialsAreRefused(t *testing.T) {
	f := newCloud(t)
	owner := f.owner()
	var wait sync.WaitGroup
	var mu sync.Mutex
	counted := map[int]int{}
	for i := range 12 {
		wait.Go(func() {
			status, body := f.call(ownerID, "PUT", fmt.Sprintf("%s-%d?api-version=2023-01-31", federatedPath, i), federatedBody("https://i", fmt.Sprint(i), "a"))
			mu.Lock()
			defer mu.Unlock()
			counted[status]++
			if e, _ := body["error"].(map[string]any); status == 409 && e["code"] != "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity" {
				t.Errorf("%v", body)
			}
		})
	}
	wait.Wait()
	if counted[201] == 0 || counted[201]+counted[409] != 12 || len(f.directory.FederatedCredentials(owner)) != counted[201] {
		t.Errorf("by status: %v, known: %d", counted, len(f.directory.FederatedCredentials(owner)))
	}
}

package providers_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/msi/armmsi"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/directory"
)

const identityPath = "/subscriptions/" + subscription + "/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/demo"

func TestIdentityBodyIsAsRecorded(t *testing.T) {
	f := newCloud(t)
	got := f.must(201, "PUT", identityPath+"?api-version=2022-01-31-preview", `{"location":"West US 2"}`)
	props := got["properties"].(map[string]any)
	want := map[string]any{
		"id":   "/subscriptions/" + subscription + "/resourcegroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/demo",
		"name": "demo", "type": "Microsoft.ManagedIdentity/userAssignedIdentities", "location": location, "tags": map[string]any{},
		"properties": map[string]any{"tenantId": tenant, "principalId": props["principalId"], "clientId": props["clientId"]},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("created (-want +got):\n%s", diff)
	}
	if uuid.Validate(props["principalId"].(string)) != nil || uuid.Validate(props["clientId"].(string)) != nil || props["clientId"] == props["principalId"] {
		t.Errorf("properties: %v", props)
	}
	// An update keeps the principal, whatever the client says about it.
	again := f.must(200, "PUT", strings.ToLower(identityPath)+"?api-version=2024-11-30",
		`{"location":"westus2","tags":{"a":"b"},"properties":{"isolationScope":"None","clientId":"chosen"}}`)
	want["tags"] = map[string]any{"a": "b"}
	want["properties"] = map[string]any{"tenantId": tenant, "principalId": props["principalId"], "clientId": props["clientId"], "isolationScope": "None"}
	if diff := cmp.Diff(want, again); diff != "" {
		t.Errorf("updated (-want +got):\n%s", diff)
	}
	patched := f.must(200, "PATCH", identityPath+"?api-version=2018-11-30", `{"location":"eastus","tags":{}}`)
	if patched["location"] != location || len(patched["tags"].(map[string]any)) != 0 {
		t.Errorf("PATCH must ignore the location and replace the tags: %v", patched)
	}
}

func TestIdentityRefusals(t *testing.T) {
	f := newCloud(t)
	f.must(201, "PUT", identityPath+"?api-version=2018-11-30", `{"location":"westus2"}`)
	tests := []struct {
		name, method, path, body, code string
		status                         int
	}{
		{"another location", "PUT", identityPath, `{"location":"eastus"}`, "InvalidResourceLocation", 409},
		{"no location", "PUT", identityPath + "2", `{}`, "LocationRequired", 400},
		{"short name", "PUT", strings.TrimSuffix(identityPath, "demo") + "ab", `{"location":"westus2"}`, "InvalidResourceName", 400},
		{"bad first character", "PUT", strings.TrimSuffix(identityPath, "demo") + "-abc", `{"location":"westus2"}`, "InvalidResourceName", 400},
		{"unknown isolation", "PUT", identityPath, `{"location":"westus2","properties":{"isolationScope":"Total"}}`, "InvalidParameter", 400},
		{"no such group", "PUT", strings.Replace(identityPath, "/g/", "/none/", 1), `{"location":"westus2"}`, "ResourceGroupNotFound", 404},
		{"absent", "GET", identityPath + "x", "", "ResourceNotFound", 404},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := &fixture{TB: t, server: f.server}
			f.refused(ownerID, tt.status, tt.code, tt.method, tt.path+"?api-version=2023-01-31", tt.body)
		})
	}
	f.refused(guestID, http.StatusForbidden, "AuthorizationFailed", "GET", identityPath+"?api-version=2023-01-31", "")
}

func TestIdentitySDK(t *testing.T) {
	f := newCloud(t)
	cred, options := f.as(ownerID)
	client, err := armmsi.NewUserAssignedIdentitiesClient(subscription, cred, options)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	made, err := client.CreateOrUpdate(ctx, "g", "demo", armmsi.Identity{Location: to.Ptr("westus2")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"two", "three"} {
		if _, err := client.CreateOrUpdate(ctx, "nodes", name, armmsi.Identity{Location: to.Ptr("westus2")}, nil); err != nil {
			t.Fatal(err)
		}
	}
	got, err := client.Get(ctx, "G", "DEMO", nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(made.Identity, got.Identity, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("read (-created +got):\n%s", diff)
	}
	var all []string
	for pager := client.NewListBySubscriptionPager(nil); pager.More(); {
		page, err := pager.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range page.Value {
			all = append(all, *i.Name)
		}
	}
	if diff := cmp.Diff([]string{"demo", "three", "two"}, all, cmpopts.SortSlices(strings.Compare)); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
	if _, err := client.Update(ctx, "g", "demo", armmsi.IdentityUpdate{Tags: map[string]*string{"x": to.Ptr("y")}}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Delete(ctx, "g", "demo", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Delete(ctx, "g", "demo", nil); err != nil {
		t.Errorf("deleting it again must be 204: %v", err)
	}
	waitFor(t, func() bool {
		_, err := f.directory.ManagedIdentityOf(t.Context(), armid.MustParse(identityPath))
		return errors.Is(err, directory.ErrNotFound) // or the principal outlives its identity
	})
	again, err := client.CreateOrUpdate(ctx, "g", "demo", armmsi.Identity{Location: to.Ptr("westus2")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if *again.Properties.PrincipalID == *made.Properties.PrincipalID {
		t.Error("an identity that was made again must have a new principal")
	}
}

func TestSystemAssignedView(t *testing.T) {
	f := newCloud(t)
	cred, options := f.as(ownerID)
	client, err := armmsi.NewSystemAssignedIdentitiesClient(cred, options)
	if err != nil {
		t.Fatal(err)
	}
	var failed *azcore.ResponseError
	f.must(201, "PUT", setPath+"?api-version=2022-08-01", `{"location":"westus2"}`)
	if _, err := client.GetByScope(t.Context(), setPath[1:], nil); !errorAs(err, &failed) || failed.StatusCode != 404 {
		t.Errorf("without an identity of its own: got %v, want 404", err)
	}
	set := f.must(200, "PATCH", setPath+"?api-version=2022-08-01", `{"identity":{"type":"SystemAssigned"}}`)
	got, err := client.GetByScope(t.Context(), setPath[1:], nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := set["identity"].(map[string]any)["principalId"]; *got.Properties.PrincipalID != want || *got.Name != "default" {
		t.Errorf("got %v %v, want principal %v", *got.Name, *got.Properties.PrincipalID, want)
	}
}

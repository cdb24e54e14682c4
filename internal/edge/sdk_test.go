package edge_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/resources/armresources"
)

// TestOfficialSDKAgainstTheFront drives the front with Azure's own Go client: its
// pollers, pager and errors, none of them changed.
func TestOfficialSDKAgainstTheFront(t *testing.T) {
	c := newCloud(t)
	groups, err := armresources.NewResourceGroupsClient(subscription, everybody{}, c.options())
	if err != nil {
		t.Fatal(err)
	}
	generic, err := armresources.NewClient(subscription, everybody{}, c.options())
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	poll := &runtime.PollUntilDoneOptions{Frequency: time.Second}
	const version = "2024-01-01"

	group, err := groups.CreateOrUpdate(ctx, "Grp", armresources.ResourceGroup{Location: ptr("West Europe"), Tags: map[string]*string{"a": ptr("b")}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if *group.Location != "westeurope" || *group.Properties.ProvisioningState != "Succeeded" || *group.Type != "Microsoft.Resources/resourceGroups" {
		t.Errorf("%+v", group)
	}
	if exists, err := groups.CheckExistence(ctx, "grp", nil); err != nil || !exists.Success {
		t.Error(exists, err)
	}
	if exists, err := groups.CheckExistence(ctx, "none", nil); err != nil || exists.Success {
		t.Error(exists, err)
	}
	kite := func(n string) string {
		return fmt.Sprintf("/subscriptions/%s/resourceGroups/grp/providers/Toys.Test/kites/%s", subscription, n)
	}
	for _, name := range []string{"k0", "k1", "k2"} {
		poller, err := generic.BeginCreateOrUpdateByID(ctx, kite(name), version, armresources.GenericResource{
			Location: ptr("eastus"), Properties: map[string]any{"tail": name},
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		made, err := poller.PollUntilDone(ctx, poll)
		if err != nil {
			t.Fatal(err)
		}
		if p := made.Properties.(map[string]any); p["provisioningState"] != "Succeeded" || p["tail"] != name {
			t.Errorf("%+v", p)
		}
	}
	torn, err := generic.BeginCreateOrUpdateByID(ctx, kite("torn"), version, armresources.GenericResource{Location: ptr("eastus"), Properties: map[string]any{"w": "storm"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var failure *azcore.ResponseError
	if _, err := torn.PollUntilDone(ctx, poll); !errors.As(err, &failure) || failure.ErrorCode != "KiteTorn" {
		t.Errorf("the operation's error is %v", err)
	}
	seen := 0
	top := int32(2)
	filter := "resourceType eq 'Toys.Test/kites'"
	for pager := generic.NewListByResourceGroupPager("GRP", &armresources.ClientListByResourceGroupOptions{Top: &top, Filter: &filter}); pager.More(); {
		page, err := pager.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Value) > 2 {
			t.Errorf("a page of %d", len(page.Value))
		}
		seen += len(page.Value)
	}
	if seen != 4 {
		t.Errorf("%d kites are listed", seen)
	}
	deleting, err := generic.BeginDeleteByID(ctx, kite("k0"), version, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := deleting.PollUntilDone(ctx, poll); err != nil {
		t.Fatal(err)
	}
	if _, err := generic.GetByID(ctx, kite("k0"), version, nil); !errors.As(err, &failure) || failure.ErrorCode != "ResourceNotFound" {
		t.Error(err)
	}
	emptying, err := groups.BeginDelete(ctx, "Grp", nil)
	if err != nil {
		t.Fatal(err)
	}
	// A poller can be carried to another client, as a restarted program does.
	token, err := emptying.ResumeToken()
	if err != nil {
		t.Fatal(err)
	}
	resumed, err := groups.BeginDelete(ctx, "", &armresources.ResourceGroupsClientBeginDeleteOptions{ResumeToken: token})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := resumed.PollUntilDone(ctx, poll); err != nil {
		t.Fatal(err)
	}
	if _, err := groups.Get(ctx, "Grp", nil); !errors.As(err, &failure) || failure.ErrorCode != "ResourceGroupNotFound" {
		t.Error(err)
	}
}

// TestSDKRegistersProviders lets the SDK's own policy answer 409
// MissingSubscriptionRegistration by registering the namespace.
func TestSDKRegistersProviders(t *testing.T) {
	c := newCloud(t)
	registrations, err := armresources.NewProvidersClient(subscription, everybody{}, c.options())
	if err != nil {
		t.Fatal(err)
	}
	generic, err := armresources.NewClient(subscription, everybody{}, c.options())
	if err != nil {
		t.Fatal(err)
	}
	groups, err := armresources.NewResourceGroupsClient(subscription, everybody{}, c.options())
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	if _, err := groups.CreateOrUpdate(ctx, "g", armresources.ResourceGroup{Location: ptr("eastus")}, nil); err != nil {
		t.Fatal(err)
	}
	if p, err := registrations.Unregister(ctx, "Toys.Test", nil); err != nil || *p.RegistrationState != "Unregistered" {
		t.Fatal(err)
	}
	id := "/subscriptions/" + subscription + "/resourceGroups/g/providers/Toys.Test/kites/k"
	poller, err := generic.BeginCreateOrUpdateByID(ctx, id, "2024-01-01", armresources.GenericResource{Location: ptr("eastus")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := poller.PollUntilDone(ctx, &runtime.PollUntilDoneOptions{Frequency: time.Second}); err != nil {
		t.Fatal(err)
	}
	p, err := registrations.Get(ctx, "toys.test", nil)
	if err != nil || *p.RegistrationState != "Registered" || len(p.ResourceTypes) != 2 {
		t.Error(p, err)
	}
}

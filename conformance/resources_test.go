package conformance

import (
	"os"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/resources/armresources/v4"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/resources/armsubscriptions"
)

func TestSubscriptions(t *testing.T) {
	subscriptions := must[*armsubscriptions.Client](t, "making a client")(armsubscriptions.NewClient(cloud.credential, cloud.options))
	got := must[armsubscriptions.ClientGetResponse](t, "reading the subscription")(subscriptions.Get(t.Context(), cloud.Subscription, nil))
	if *got.State != armsubscriptions.SubscriptionStateEnabled || *got.TenantID != cloud.Tenant {
		t.Errorf("state %s, tenant %s", *got.State, *got.TenantID)
	}
	all(t, "listing subscriptions", subscriptions.NewListPager(nil))
	all(t, "listing locations", subscriptions.NewListLocationsPager(cloud.Subscription, nil))
	tenants := must[*armsubscriptions.TenantsClient](t, "making a client")(armsubscriptions.NewTenantsClient(cloud.credential, cloud.options))
	all(t, "listing tenants", tenants.NewListPager(nil))
	_, err := subscriptions.Get(t.Context(), "11111111-2222-3333-4444-555555555555", nil)
	refused(t, err, 404, "SubscriptionNotFound")
}

func TestResourceGroups(t *testing.T) {
	ctx, name := t.Context(), group(t)
	groups := must[*armresources.ResourceGroupsClient](t, "making a client")(armresources.NewResourceGroupsClient(cloud.Subscription, cloud.credential, cloud.options))
	updated := must[armresources.ResourceGroupsClientUpdateResponse](t, "patching")(groups.Update(ctx, name, armresources.ResourceGroupPatchable{Tags: map[string]*string{"a": ptr("b")}}, nil))
	if *updated.Tags["a"] != "b" || *updated.Properties.ProvisioningState != "Succeeded" {
		t.Errorf("%v", updated.Tags)
	}
	if got := must[armresources.ResourceGroupsClientCheckExistenceResponse](t, "asking")(groups.CheckExistence(ctx, name, nil)); !got.Success {
		t.Error("the group doesn't exist")
	}
	all(t, "listing groups", groups.NewListPager(&armresources.ResourceGroupsClientListOptions{Filter: ptr("tagName eq 'a' and tagValue eq 'b'")}))
	_, err := groups.Get(ctx, "none", nil)
	refused(t, err, 404, "ResourceGroupNotFound")
	_, err = groups.CreateOrUpdate(ctx, name, armresources.ResourceGroup{Location: ptr("westeurope")}, nil)
	refused(t, err, 409, "InvalidResourceGroupLocation")
	_, err = groups.CreateOrUpdate(ctx, "ends.", armresources.ResourceGroup{Location: ptr(location)}, nil)
	refused(t, err, 400, "InvalidResourceName")
	done[armresources.ResourceGroupsClientDeleteResponse](t, "deleting")(groups.BeginDelete(ctx, name, nil))
	_, err = groups.Get(ctx, name, nil)
	refused(t, err, 404, "ResourceGroupNotFound")
}

// TestGenericResources uses types that have no client in this module: by their IDs, as any resource can be.
func TestGenericResources(t *testing.T) {
	ctx, name := t.Context(), group(t)
	resources := must[*armresources.Client](t, "making a client")(armresources.NewClient(cloud.Subscription, cloud.credential, cloud.options))
	in := "/subscriptions/" + cloud.Subscription + "/resourceGroups/" + name
	for _, c := range []struct {
		typ, version, location string
		properties             map[string]any
		sku                    string
	}{
		{"Microsoft.ServiceBus/namespaces/bus-conformance", "2021-11-01", location, nil, "Standard"},
		{"Microsoft.ServiceBus/namespaces/bus-conformance/queues/orders", "2021-11-01", "", nil, ""},
		{"Microsoft.Network/dnsZones/conformance.example", "2018-05-01", "global", nil, ""},
		{"Microsoft.OperationalInsights/workspaces/logs-conformance", "2021-06-01", location, nil, ""},
		{"Microsoft.Authorization/locks/keep", "2016-09-01", "", map[string]any{"level": "CanNotDelete"}, ""},
	} {
		body := armresources.GenericResource{Properties: c.properties}
		if c.location != "" {
			body.Location = ptr(c.location)
		}
		if c.sku != "" {
			body.SKU = &armresources.SKU{Name: ptr(c.sku)}
		}
		id := in + "/providers/" + c.typ
		done[armresources.ClientCreateOrUpdateByIDResponse](t, "making "+c.typ)(resources.BeginCreateOrUpdateByID(ctx, id, c.version, body, nil))
		must[armresources.ClientGetByIDResponse](t, "reading "+c.typ)(resources.GetByID(ctx, id, c.version, nil))
	}
	groups := must[*armresources.ResourceGroupsClient](t, "making a client")(armresources.NewResourceGroupsClient(cloud.Subscription, cloud.credential, cloud.options))
	_, err := groups.BeginDelete(ctx, name, nil)
	refused(t, err, 409, "ScopeLocked")
	done[armresources.ClientDeleteByIDResponse](t, "removing the lock")(resources.BeginDeleteByID(ctx, in+"/providers/Microsoft.Authorization/locks/keep", "2016-09-01", nil))
	listed := all(t, "listing resources", resources.NewListByResourceGroupPager(name, &armresources.ClientListByResourceGroupOptions{Filter: ptr("resourceType eq 'Microsoft.ServiceBus/namespaces'")}))
	if len(listed) != 1 || len(listed[0].Value) != 1 {
		t.Errorf("listed %v", listed)
	}
	_, err = resources.GetByID(ctx, in+"/providers/Microsoft.Nothing/things/x", "2020-01-01", nil)
	refused(t, err, 404, "InvalidResourceNamespace")
	if os.Getenv("AZURE_AUTHORITY_HOST") == "" { // the cloud that start has started makes no clusters
		_, err = resources.GetByID(ctx, in+"/providers/Microsoft.ContainerService/managedClusters/x", "2025-10-01", nil)
		refused(t, err, 404, "InvalidResourceNamespace")
		if err != nil && !strings.Contains(err.Error(), "--clusters=none") {
			t.Errorf("the error doesn't say why: %v", err)
		}
	}
	_, err = resources.GetByID(ctx, in+"/providers/Microsoft.Network/things/x", "2020-01-01", nil)
	refused(t, err, 404, "InvalidResourceType")
	_, err = resources.GetByID(ctx, in+"/providers/Microsoft.ServiceBus/namespaces/bus-conformance", "1999-01-01", nil)
	refused(t, err, 400, "NoRegisteredProviderFound")
	done[armresources.ResourceGroupsClientDeleteResponse](t, "deleting all")(groups.BeginDelete(ctx, name, nil))
}

func TestProvidersAndTags(t *testing.T) {
	ctx, name := t.Context(), group(t)
	providers := must[*armresources.ProvidersClient](t, "making a client")(armresources.NewProvidersClient(cloud.Subscription, cloud.credential, cloud.options))
	must[armresources.ProvidersClientRegisterResponse](t, "registering")(providers.Register(ctx, "Microsoft.KeyVault", nil))
	must[armresources.ProvidersClientGetResponse](t, "reading")(providers.Get(ctx, "Microsoft.KeyVault", nil))
	all(t, "listing providers", providers.NewListPager(nil))
	_, err := providers.Get(ctx, "Microsoft.Nothing", nil)
	refused(t, err, 404, "InvalidResourceNamespace")
	tags := must[*armresources.TagsClient](t, "making a client")(armresources.NewTagsClient(cloud.Subscription, cloud.credential, cloud.options))
	scope := "/subscriptions/" + cloud.Subscription + "/resourceGroups/" + name
	done[armresources.TagsClientCreateOrUpdateAtScopeResponse](t, "tagging")(tags.BeginCreateOrUpdateAtScope(ctx, scope, armresources.TagsResource{Properties: &armresources.Tags{Tags: map[string]*string{"a": ptr("1")}}}, nil))
	got := must[armresources.TagsClientGetAtScopeResponse](t, "reading tags")(tags.GetAtScope(ctx, scope, nil))
	if *got.Properties.Tags["a"] != "1" {
		t.Errorf("%v", got.Properties.Tags)
	}
}

func TestPredefinedTags(t *testing.T) {
	ctx, name := t.Context(), group(t)
	tags := must[*armresources.TagsClient](t, "making a client")(armresources.NewTagsClient(cloud.Subscription, cloud.credential, cloud.options))
	tag := "cost-" + name
	made := must[armresources.TagsClientCreateOrUpdateResponse](t, "predefining a name")(tags.CreateOrUpdate(ctx, tag, nil))
	if *made.TagName != tag || *made.Count.Value != 0 || len(made.Values) != 0 {
		t.Errorf("made %v", made.TagDetails)
	}
	value := must[armresources.TagsClientCreateOrUpdateValueResponse](t, "predefining a value")(tags.CreateOrUpdateValue(ctx, tag, "Ops team", nil))
	if *value.TagValue.TagValue != "Ops team" || *value.ID != "/subscriptions/"+cloud.Subscription+"/tagNames/"+tag+"/tagValues/Ops team" {
		t.Errorf("made %v", value.TagValue)
	}
	_, err := tags.CreateOrUpdateValue(ctx, "none-"+name, "v", nil)
	refused(t, err, 404, "ParentResourceNotFound")
	_, err = tags.CreateOrUpdate(ctx, "Microsoft-"+name, nil)
	refused(t, err, 400, "InvalidTagNamePrefix")
	found := false
	for _, page := range all(t, "listing tags", tags.NewListPager(nil)) {
		for _, one := range page.Value {
			found = found || *one.TagName == tag && len(one.Values) == 1 && *one.Values[0].TagValue == "Ops team"
		}
	}
	if !found {
		t.Error("the list doesn't have the name with its value")
	}
	_, err = tags.Delete(ctx, tag, nil)
	refused(t, err, 409, "TagInUse")
	must[armresources.TagsClientDeleteValueResponse](t, "deleting the value")(tags.DeleteValue(ctx, tag, "Ops team", nil))
	must[armresources.TagsClientDeleteResponse](t, "deleting the name")(tags.Delete(ctx, tag, nil))
	must[armresources.TagsClientDeleteResponse](t, "deleting it again")(tags.Delete(ctx, tag, nil))
}

package rig

import (
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/authorization/armauthorization/v2"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/network/armnetwork/v6"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/resources/armresources"
	"github.com/google/uuid"
)

// Built-in roles that tests grant, by their definitions.
const (
	NetworkContributor = "4d97b98b-1d4f-4787-a291-c67834d212e7"
	Contributor        = "b24988ac-6180-42a0-ab88-20f7382dd24c"
	Reader             = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
)

// Scope is a resource group's ID, or that of something in it.
func (c *Cloud) Scope(group string, more ...string) string {
	return strings.Join(append([]string{"/subscriptions/" + c.Admin.SubscriptionID + "/resourceGroups/" + group}, more...), "/")
}

// Grant gives a principal a role and returns how to take it away again.
func (c *Cloud) Grant(t testing.TB, principal, role, scope string) (revoke func()) {
	t.Helper()
	client, err := armauthorization.NewRoleAssignmentsClient(c.Admin.SubscriptionID, c.Credential, c.Options)
	if err != nil {
		t.Fatal(err)
	}
	name := uuid.NewString()
	if _, err := client.Create(t.Context(), scope, name, armauthorization.RoleAssignmentCreateParameters{Properties: &armauthorization.RoleAssignmentProperties{
		PrincipalID: to.Ptr(principal), PrincipalType: to.Ptr(armauthorization.PrincipalTypeServicePrincipal),
		RoleDefinitionID: to.Ptr("/subscriptions/" + c.Admin.SubscriptionID + "/providers/Microsoft.Authorization/roleDefinitions/" + role),
	}}, nil); err != nil {
		t.Fatalf("granting role %s at %s: %v", role, scope, err)
	}
	return func() {
		t.Helper()
		if _, err := client.Delete(t.Context(), scope, name, nil); err != nil {
			t.Fatalf("revoking role %s at %s: %v", role, scope, err)
		}
	}
}

// Strip takes all roles away that a principal has at just this scope.
func (c *Cloud) Strip(t testing.TB, principal, scope string) (restore func()) {
	t.Helper()
	client, err := armauthorization.NewRoleAssignmentsClient(c.Admin.SubscriptionID, c.Credential, c.Options)
	if err != nil {
		t.Fatal(err)
	}
	var roles []string
	filter := "principalId eq '" + principal + "'"
	for all := client.NewListForScopePager(scope, &armauthorization.RoleAssignmentsClientListForScopeOptions{Filter: &filter}); all.More(); {
		page, err := all.NextPage(t.Context())
		if err != nil {
			t.Fatalf("listing the roles at %s: %v", scope, err)
		}
		for _, a := range page.Value {
			if !strings.EqualFold(*a.Properties.Scope, scope) {
				continue
			}
			if _, err := client.DeleteByID(t.Context(), *a.ID, nil); err != nil {
				t.Fatalf("taking a role at %s away: %v", scope, err)
			}
			definition := *a.Properties.RoleDefinitionID
			roles = append(roles, definition[strings.LastIndexByte(definition, '/')+1:])
		}
	}
	if len(roles) == 0 {
		t.Fatalf("%s has no role at %s", principal, scope)
	}
	return func() {
		t.Helper()
		for _, role := range roles {
			c.Grant(t, principal, role, scope)
		}
	}
}

// VNet makes a virtual network 10.40.0.0/16 whose subnets are /24s, in their order, and returns its ID.
func (c *Cloud) VNet(t testing.TB, group, name string, subnets ...string) string {
	t.Helper()
	client, err := armnetwork.NewVirtualNetworksClient(c.Admin.SubscriptionID, c.Credential, c.Options)
	if err != nil {
		t.Fatal(err)
	}
	body := armnetwork.VirtualNetwork{Location: to.Ptr(Location), Properties: &armnetwork.VirtualNetworkPropertiesFormat{
		AddressSpace: &armnetwork.AddressSpace{AddressPrefixes: []*string{to.Ptr("10.40.0.0/16")}},
	}}
	for i, subnet := range subnets {
		body.Properties.Subnets = append(body.Properties.Subnets, &armnetwork.Subnet{Name: to.Ptr(subnet), Properties: &armnetwork.SubnetPropertiesFormat{
			AddressPrefix: to.Ptr("10.40." + string(rune('0'+i)) + ".0/24"),
		}})
	}
	poller, err := client.BeginCreateOrUpdate(t.Context(), group, name, body, nil)
	if err != nil {
		t.Fatalf("making virtual network %s: %v", name, err)
	}
	done, err := poller.PollUntilDone(t.Context(), Poll())
	if err != nil {
		t.Fatalf("making virtual network %s: %v", name, err)
	}
	return *done.ID
}

// PublicAddress makes a static public address and returns its number.
func (c *Cloud) PublicAddress(t testing.TB, group, name string) string {
	t.Helper()
	client, err := armnetwork.NewPublicIPAddressesClient(c.Admin.SubscriptionID, c.Credential, c.Options)
	if err != nil {
		t.Fatal(err)
	}
	poller, err := client.BeginCreateOrUpdate(t.Context(), group, name, armnetwork.PublicIPAddress{
		Location: to.Ptr(Location), SKU: &armnetwork.PublicIPAddressSKU{Name: to.Ptr(armnetwork.PublicIPAddressSKUNameStandard)},
		Properties: &armnetwork.PublicIPAddressPropertiesFormat{PublicIPAllocationMethod: to.Ptr(armnetwork.IPAllocationMethodStatic)},
	}, nil)
	if err != nil {
		t.Fatalf("making public address %s: %v", name, err)
	}
	done, err := poller.PollUntilDone(t.Context(), Poll())
	if err != nil {
		t.Fatalf("making public address %s: %v", name, err)
	}
	return *done.Properties.IPAddress
}

// Kinds counts what is in a resource group, by type.
func (c *Cloud) Kinds(t testing.TB, group string) map[string]int {
	t.Helper()
	client, err := armresources.NewClient(c.Admin.SubscriptionID, c.Credential, c.Options)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	for all := client.NewListByResourceGroupPager(group, nil); all.More(); {
		page, err := all.NextPage(t.Context())
		if err != nil {
			t.Fatalf("listing resource group %s: %v", group, err)
		}
		for _, r := range page.Value {
			kinds[*r.Type]++
		}
	}
	return kinds
}

//go:build e2e

package e2e_test

import (
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/authorization/armauthorization/v2"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/msi/armmsi"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/network/armnetwork/v6"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/resources/armresources"
	"github.com/google/uuid"

	"github.com/lanyard-project/lanyard/test/e2e/rig"
)

const (
	hub     = "0c37e7b6-4d0e-4bf1-a8f9-1f2c6f3a9d10"
	contoso = "5be4b4a1-8a53-4d35-9f6c-0c1f6a0b7c11"
	shop    = "7b1f30c2-53ee-4cf0-9a52-5b3cf3b6ad12"
)

// TestSubscriptionsAndTenants has a hub and a spoke in one tenant, as seed 001 describes, and a second tenant beside it:
// what one may do in the other's subscriptions, and what not.
func TestSubscriptionsAndTenants(t *testing.T) {
	cloud := rig.Start(t, "--clusters=none", "--registration-time=0s", "--subscription=Hub="+hub, "--tenant=contoso.local="+contoso, "--subscription=Shop="+shop+"@contoso.local")
	stranger, err := cloud.AdministratorOf("contoso.local")
	if err != nil {
		t.Fatal(err)
	}
	theirs, options, err := cloud.SDK(stranger.TenantID, stranger.ClientID, stranger.ClientSecret)
	if err != nil {
		t.Fatal(err)
	}
	spoke := cloud.Admin.SubscriptionID
	for subscription, as := range map[string]azcore.TokenCredential{spoke: cloud.Credential, hub: cloud.Credential, shop: theirs} {
		groups, err := armresources.NewResourceGroupsClient(subscription, as, options)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := groups.CreateOrUpdate(t.Context(), "rg", armresources.ResourceGroup{Location: to.Ptr(rig.Location)}, nil); err != nil {
			t.Fatalf("a group in %s: %v", subscription, err)
		}
		// The other tenant's token is refused before anything else.
		other := theirs
		if subscription == shop {
			other = cloud.Credential
		}
		groups, _ = armresources.NewResourceGroupsClient(subscription, other, options)
		_, err = groups.Get(t.Context(), "rg", nil)
		wantError(t, "a token of the other tenant", err, 401, "InvalidAuthenticationTokenTenant", "The access token is from the wrong issuer")
	}

	// An identity of the spoke gets a role in the hub, as the kubelet that pulls from the hub's registry.
	identities, err := armmsi.NewUserAssignedIdentitiesClient(spoke, cloud.Credential, options)
	if err != nil {
		t.Fatal(err)
	}
	app, err := identities.CreateOrUpdate(t.Context(), "rg", "app", armmsi.Identity{Location: to.Ptr(rig.Location)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	assign := func(scope, principal string) error {
		client, err := armauthorization.NewRoleAssignmentsClient(hub, cloud.Credential, options)
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.Create(t.Context(), scope, uuid.NewString(), armauthorization.RoleAssignmentCreateParameters{Properties: &armauthorization.RoleAssignmentProperties{
			RoleDefinitionID: to.Ptr("/subscriptions/" + hub + "/providers/Microsoft.Authorization/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7"),
			PrincipalID:      &principal,
		}}, nil)
		return err
	}
	if err := assign("/subscriptions/"+hub+"/resourceGroups/rg", *app.Properties.PrincipalID); err != nil {
		t.Errorf("a role in the hub for an identity of the spoke: %v", err)
	}
	identities, _ = armmsi.NewUserAssignedIdentitiesClient(shop, theirs, options)
	foreign, err := identities.CreateOrUpdate(t.Context(), "rg", "app", armmsi.Identity{Location: to.Ptr(rig.Location)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if *foreign.Properties.TenantID != contoso {
		t.Errorf("an identity of the second tenant is of %s", *foreign.Properties.TenantID)
	}
	err = assign("/subscriptions/"+hub+"/resourceGroups/rg", *foreign.Properties.PrincipalID)
	wantError(t, "a role for the other tenant's identity", err, 400, "PrincipalNotFound", "does not exist in the directory "+cloud.Admin.TenantID)

	// Networks of two subscriptions can be joined, those of two tenants can't.
	network := func(subscription string, as azcore.TokenCredential, prefix string) string {
		client, err := armnetwork.NewVirtualNetworksClient(subscription, as, options)
		if err != nil {
			t.Fatal(err)
		}
		poller, err := client.BeginCreateOrUpdate(t.Context(), "rg", "net", armnetwork.VirtualNetwork{Location: to.Ptr(rig.Location), Properties: &armnetwork.VirtualNetworkPropertiesFormat{
			AddressSpace: &armnetwork.AddressSpace{AddressPrefixes: []*string{&prefix}},
		}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		made, err := poller.PollUntilDone(t.Context(), rig.Poll())
		if err != nil {
			t.Fatal(err)
		}
		return *made.ID
	}
	network(spoke, cloud.Credential, "10.1.0.0/16")
	inHub, inShop := network(hub, cloud.Credential, "10.2.0.0/16"), network(shop, theirs, "10.3.0.0/16")
	peer := func(name, with string) error {
		client, err := armnetwork.NewVirtualNetworkPeeringsClient(spoke, cloud.Credential, options)
		if err != nil {
			t.Fatal(err)
		}
		poller, err := client.BeginCreateOrUpdate(t.Context(), "rg", "net", name, armnetwork.VirtualNetworkPeering{Properties: &armnetwork.VirtualNetworkPeeringPropertiesFormat{
			RemoteVirtualNetwork: &armnetwork.SubResource{ID: &with},
		}}, nil)
		if err == nil {
			_, err = poller.PollUntilDone(t.Context(), rig.Poll())
		}
		return err
	}
	if err := peer("hub", inHub); err != nil {
		t.Errorf("peering with the hub: %v", err)
	}
	wantError(t, "peering with the other tenant's network", peer("shop", inShop), 403, "LinkedAuthorizationFailed",
		"the current tenant '"+cloud.Admin.TenantID+"' is not authorized to access linked subscription '"+shop+"'")

	t.Run("az", func(t *testing.T) {
		az := cloud.Az(t)
		if got := az.Must(t, "account", "list", "--query", "sort([].name)", "-o", "tsv"); got != "Hub\nLanyard" {
			t.Errorf("az sees the subscriptions %q", got)
		}
		az.Must(t, "account", "set", "--subscription", "Hub")
		if got := az.Must(t, "network", "vnet", "list", "--query", "[].id", "-o", "tsv"); got != inHub {
			t.Errorf("in the hub az sees %q", got)
		}
		if got := az.Must(t, "group", "show", "--name", "rg", "--subscription", "Lanyard", "--query", "id", "-o", "tsv"); got != "/subscriptions/"+spoke+"/resourceGroups/rg" {
			t.Errorf("in the spoke az sees %q", got)
		}
		if complaint := az.Refused(t, "group", "show", "--name", "rg", "--subscription", shop); !strings.Contains(complaint, shop) {
			t.Errorf("az in the other tenant's subscription: %s", complaint)
		}
		az = cloud.NewAz(t)
		az.Must(t, "login", "--service-principal", "--username", stranger.ClientID, "--password", stranger.ClientSecret.Reveal(), "--tenant", contoso)
		if got := az.Must(t, "account", "list", "--query", "[].[name,tenantId]", "-o", "tsv"); got != "Shop\t"+contoso {
			t.Errorf("in the second tenant az sees %q", got)
		}
	})
	t.Run("lanyard", func(t *testing.T) {
		environment := cloud.Lanyard(t)
		run := func(args ...string) string {
			command := exec.CommandContext(t.Context(), filepath.Join(cloud.Build, "bin", "lanyard"), args...)
			command.Env = environment
			out, err := command.CombinedOutput()
			if err != nil {
				t.Errorf("lanyard %s: %v: %s", strings.Join(args, " "), err, out)
			}
			return strings.TrimSpace(string(out))
		}
		if got := run("account", "list", "--query", "sort([].name)", "-o", "tsv"); got != "Hub\nLanyard" {
			t.Errorf("lanyard sees the subscriptions %q", got)
		}
		run("account", "set", "--subscription", "Hub")
		if got := run("network", "vnet", "list", "--query", "[].id", "-o", "tsv"); got != inHub {
			t.Errorf("in the hub lanyard sees %q", got)
		}
	})
}

// wantError fails unless the answer was this error of the service.
func wantError(t *testing.T, what string, err error, status int, code, message string) {
	t.Helper()
	var refused *azcore.ResponseError
	if !errors.As(err, &refused) || refused.StatusCode != status || refused.ErrorCode != code || !strings.Contains(refused.Error(), message) {
		t.Errorf("%s: want %d %s (%s), got: %v", what, status, code, message, err)
	}
}

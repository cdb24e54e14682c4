package conformance

import (
	"context"
	"fmt"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/msi/armmsi"
)

func TestUserAssignedIdentities(t *testing.T) {
	ctx, in := t.Context(), group(t)
	identities := must[*armmsi.UserAssignedIdentitiesClient](t, "making a client")(armmsi.NewUserAssignedIdentitiesClient(cloud.Subscription, cloud.credential, cloud.options))
	made := must[armmsi.UserAssignedIdentitiesClientCreateOrUpdateResponse](t, "making")(identities.CreateOrUpdate(ctx, in, "app", armmsi.Identity{Location: ptr(location)}, nil))
	if *made.Properties.TenantID != cloud.Tenant || *made.Properties.ClientID == "" || *made.Properties.PrincipalID == "" {
		t.Errorf("%+v", made.Properties)
	}
	again := must[armmsi.UserAssignedIdentitiesClientCreateOrUpdateResponse](t, "making again")(identities.CreateOrUpdate(ctx, in, "APP", armmsi.Identity{Location: ptr(location)}, nil))
	if *again.Properties.PrincipalID != *made.Properties.PrincipalID || *again.Name != "app" {
		t.Errorf("the second is %s, another than %s", *again.Name, *made.Name)
	}
	must[armmsi.UserAssignedIdentitiesClientUpdateResponse](t, "tagging")(identities.Update(ctx, in, "app", armmsi.IdentityUpdate{Tags: map[string]*string{"a": ptr("1")}}, nil))
	if got := must[armmsi.UserAssignedIdentitiesClientGetResponse](t, "reading")(identities.Get(ctx, in, "app", nil)); *got.Tags["a"] != "1" {
		t.Errorf("%v", got.Tags)
	}
	all(t, "listing in the group", identities.NewListByResourceGroupPager(in, nil))
	all(t, "listing in the subscription", identities.NewListBySubscriptionPager(nil))
	_, err := identities.Get(ctx, in, "none", nil)
	refused(t, err, 404, "ResourceNotFound")
	_, err = identities.CreateOrUpdate(ctx, "no-such-group", "app", armmsi.Identity{Location: ptr(location)}, nil)
	refused(t, err, 404, "ResourceGroupNotFound")
	_, err = identities.CreateOrUpdate(ctx, in, "app", armmsi.Identity{Location: ptr("westeurope")}, nil)
	refused(t, err, 409, "InvalidResourceLocation")
	must[armmsi.UserAssignedIdentitiesClientDeleteResponse](t, "deleting")(identities.Delete(ctx, in, "app", nil))
	_, err = identities.Get(ctx, in, "app", nil)
	refused(t, err, 404, "ResourceNotFound")
}

func TestFederatedCredentials(t *testing.T) {
	ctx, in := t.Context(), group(t)
	identities := must[*armmsi.UserAssignedIdentitiesClient](t, "making a client")(armmsi.NewUserAssignedIdentitiesClient(cloud.Subscription, cloud.credential, cloud.options))
	federated := must[*armmsi.FederatedIdentityCredentialsClient](t, "making a client")(armmsi.NewFederatedIdentityCredentialsClient(cloud.Subscription, cloud.credential, cloud.options))
	made := must[armmsi.UserAssignedIdentitiesClientCreateOrUpdateResponse](t, "making the identity")(identities.CreateOrUpdate(ctx, in, "app", armmsi.Identity{Location: ptr(location)}, nil))
	trust := func(issuer, subject string) armmsi.FederatedIdentityCredential {
		return armmsi.FederatedIdentityCredential{Properties: &armmsi.FederatedIdentityCredentialProperties{
			Audiences: []*string{ptr("api://AzureADTokenExchange")}, Issuer: &issuer, Subject: &subject,
		}}
	}
	must[armmsi.FederatedIdentityCredentialsClientCreateOrUpdateResponse](t, "trusting")(federated.CreateOrUpdate(ctx, in, "app", "one", trust("https://issuer.example/a", "s"), nil))
	must[armmsi.FederatedIdentityCredentialsClientGetResponse](t, "reading")(federated.Get(ctx, in, "app", "one", nil))
	all(t, "listing", federated.NewListPager(in, "app", nil))
	_, err := federated.CreateOrUpdate(ctx, in, "app", "two", trust("https://issuer.example/a", "s"), nil)
	if err == nil {
		t.Error("two credentials with one issuer and subject were taken")
	}
	_, err = federated.CreateOrUpdate(ctx, in, "app", "two", trust("http://issuer.example/a", "s"), nil)
	if err == nil {
		t.Error("an issuer without TLS was taken")
	}
	// An assertion that nobody signed: Entra says so before it asks the issuer anything.
	assertion := must[*azidentity.ClientAssertionCredential](t, "making a credential")(azidentity.NewClientAssertionCredential(cloud.Tenant, *made.Properties.ClientID,
		func(context.Context) (string, error) { return "not.a.token", nil },
		&azidentity.ClientAssertionCredentialOptions{ClientOptions: cloud.options.ClientOptions, DisableInstanceDiscovery: true}))
	if _, err := assertion.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{armScope}}); err == nil {
		t.Error("what isn't a token signed in")
	}
	for i := range 19 {
		must[armmsi.FederatedIdentityCredentialsClientCreateOrUpdateResponse](t, "trusting more")(federated.CreateOrUpdate(ctx, in, "app", fmt.Sprintf("more%d", i), trust("https://issuer.example/a", fmt.Sprint(i)), nil))
	}
	if _, err := federated.CreateOrUpdate(ctx, in, "app", "toomany", trust("https://issuer.example/a", "x"), nil); err == nil {
		t.Error("a 21st credential was taken")
	}
	must[armmsi.FederatedIdentityCredentialsClientDeleteResponse](t, "deleting")(federated.Delete(ctx, in, "app", "one", nil))
}

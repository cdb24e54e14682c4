package conformance

import (
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/authorization/armauthorization/v2"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/msi/armmsi"
	"github.com/google/uuid"
)

const acrPull = "7f951dda-4ed3-4680-a7ca-43fe172d538d"

func roleID(name string) *string {
	return ptr("/subscriptions/" + cloud.Subscription + "/providers/Microsoft.Authorization/roleDefinitions/" + name)
}

func TestRoleAssignments(t *testing.T) {
	ctx, in := t.Context(), group(t)
	scope := "/subscriptions/" + cloud.Subscription + "/resourceGroups/" + in
	identities := must[*armmsi.UserAssignedIdentitiesClient](t, "making a client")(armmsi.NewUserAssignedIdentitiesClient(cloud.Subscription, cloud.credential, cloud.options))
	assignments := must[*armauthorization.RoleAssignmentsClient](t, "making a client")(armauthorization.NewRoleAssignmentsClient(cloud.Subscription, cloud.credential, cloud.options))
	app := must[armmsi.UserAssignedIdentitiesClientCreateOrUpdateResponse](t, "making the identity")(identities.CreateOrUpdate(ctx, in, "app", armmsi.Identity{Location: ptr(location)}, nil))
	grant := func(role, principal string) armauthorization.RoleAssignmentCreateParameters {
		return armauthorization.RoleAssignmentCreateParameters{Properties: &armauthorization.RoleAssignmentProperties{
			RoleDefinitionID: roleID(role), PrincipalID: ptr(principal), PrincipalType: ptr(armauthorization.PrincipalTypeServicePrincipal),
		}}
	}
	name := uuid.NewString()
	made := must[armauthorization.RoleAssignmentsClientCreateResponse](t, "assigning")(assignments.Create(ctx, scope, name, grant(acrPull, *app.Properties.PrincipalID), nil))
	if *made.Properties.Scope != scope {
		t.Errorf("the scope is %s", *made.Properties.Scope)
	}
	_, err := assignments.Create(ctx, scope, uuid.NewString(), grant(acrPull, *app.Properties.PrincipalID), nil)
	refused(t, err, 409, "RoleAssignmentExists")
	stranger := grant(acrPull, uuid.NewString())
	stranger.Properties.PrincipalType = nil // with a type Azure asks nobody: the principal may be too new to be known everywhere
	_, err = assignments.Create(ctx, scope, uuid.NewString(), stranger, nil)
	refused(t, err, 400, "PrincipalNotFound")
	_, err = assignments.Create(ctx, scope, uuid.NewString(), grant(uuid.NewString(), *app.Properties.PrincipalID), nil)
	refused(t, err, 400, "RoleDefinitionDoesNotExist")
	must[armauthorization.RoleAssignmentsClientGetResponse](t, "reading")(assignments.Get(ctx, scope, name, nil))
	must[armauthorization.RoleAssignmentsClientGetByIDResponse](t, "reading by ID")(assignments.GetByID(ctx, *made.ID, nil))
	for _, filter := range []string{"atScope()", "principalId eq '" + *app.Properties.PrincipalID + "'", "assignedTo('" + *app.Properties.PrincipalID + "')"} {
		pages := all(t, "listing "+filter, assignments.NewListForScopePager(scope, &armauthorization.RoleAssignmentsClientListForScopeOptions{Filter: &filter}))
		if len(pages) == 0 || len(pages[0].Value) == 0 {
			t.Errorf("%s finds nothing", filter)
		}
	}
	must[armauthorization.RoleAssignmentsClientDeleteResponse](t, "removing")(assignments.Delete(ctx, scope, name, nil))
	_, err = assignments.Get(ctx, scope, name, nil)
	refused(t, err, 404, "RoleAssignmentNotFound")
}

func TestRoleDefinitions(t *testing.T) {
	ctx, in := t.Context(), group(t)
	scope := "/subscriptions/" + cloud.Subscription + "/resourceGroups/" + in
	roles := must[*armauthorization.RoleDefinitionsClient](t, "making a client")(armauthorization.NewRoleDefinitionsClient(cloud.credential, cloud.options))
	built := must[armauthorization.RoleDefinitionsClientGetResponse](t, "reading a built-in role")(roles.Get(ctx, scope, acrPull, nil))
	if *built.Properties.RoleName != "AcrPull" || *built.Properties.RoleType != "BuiltInRole" {
		t.Errorf("%s, %s", *built.Properties.RoleName, *built.Properties.RoleType)
	}
	name := uuid.NewString()
	custom := armauthorization.RoleDefinition{Properties: &armauthorization.RoleDefinitionProperties{
		RoleName: ptr("Reader of " + in), RoleType: ptr("CustomRole"), Description: ptr("reads"),
		Permissions: []*armauthorization.Permission{{Actions: []*string{ptr("Microsoft.Network/*/read")}}}, AssignableScopes: []*string{&scope},
	}}
	must[armauthorization.RoleDefinitionsClientCreateOrUpdateResponse](t, "defining")(roles.CreateOrUpdate(ctx, scope, name, custom, nil))
	filter := "roleName eq 'Reader of " + in + "'"
	if pages := all(t, "listing", roles.NewListPager(scope, &armauthorization.RoleDefinitionsClientListOptions{Filter: &filter})); len(pages[0].Value) != 1 {
		t.Errorf("%d roles of that name", len(pages[0].Value))
	}
	_, err := roles.CreateOrUpdate(ctx, scope, uuid.NewString(), custom, nil)
	refused(t, err, 409, "RoleDefinitionWithSameNameExists")
	must[armauthorization.RoleDefinitionsClientDeleteResponse](t, "removing")(roles.Delete(ctx, scope, name, nil))
	_, err = roles.Get(ctx, scope, name, nil)
	refused(t, err, 404, "RoleDefinitionDoesNotExist")
	permissions := must[*armauthorization.PermissionsClient](t, "making a client")(armauthorization.NewPermissionsClient(cloud.Subscription, cloud.credential, cloud.options))
	if pages := all(t, "asking what I may", permissions.NewListForResourceGroupPager(in, nil)); len(pages[0].Value) == 0 {
		t.Error("the administrator may nothing")
	}
	deny := must[*armauthorization.DenyAssignmentsClient](t, "making a client")(armauthorization.NewDenyAssignmentsClient(cloud.Subscription, cloud.credential, cloud.options))
	all(t, "listing denials", deny.NewListForResourceGroupPager(in, nil))
}

// TestStrangerIsRefused signs an identity in that has no role. Its certificate is nobody's, so its token comes by a service
// principal that Graph made.
func TestStrangerIsRefused(t *testing.T) {
	ctx, in := t.Context(), group(t)
	_, credential := servicePrincipal(t)
	check := func(what string, err error) {
		t.Run(what, func(t *testing.T) { refused(t, err, 403, "AuthorizationFailed") })
	}
	identities := clientFor(t, credential)
	_, err := identities.Get(ctx, in, "none", nil)
	check("read", err)
	_, err = identities.CreateOrUpdate(ctx, in, "x", armmsi.Identity{Location: ptr(location)}, nil)
	check("write", err)
	_, err = identities.Delete(ctx, in, "x", nil)
	check("delete", err)
}

func clientFor(t *testing.T, credential azcore.TokenCredential) *armmsi.UserAssignedIdentitiesClient {
	t.Helper()
	return must[*armmsi.UserAssignedIdentitiesClient](t, "making a client")(armmsi.NewUserAssignedIdentitiesClient(cloud.Subscription, credential, cloud.options))
}

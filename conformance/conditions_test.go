package conformance

import (
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/authorization/armauthorization/v2"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
	"github.com/google/uuid"
)

const rbacAdministrator = "f58310d9-a9f6-439a-9e8d-f62e7b41a168"

// conditional assigns a role under a condition.
func conditional(t *testing.T, role, scope, principal, condition string) {
	t.Helper()
	assignments := must[*armauthorization.RoleAssignmentsClient](t, "making a client")(armauthorization.NewRoleAssignmentsClient(cloud.Subscription, cloud.credential, cloud.options))
	made := must[armauthorization.RoleAssignmentsClientCreateResponse](t, "assigning under a condition")(assignments.Create(t.Context(), scope, uuid.NewString(), armauthorization.RoleAssignmentCreateParameters{
		Properties: &armauthorization.RoleAssignmentProperties{
			RoleDefinitionID: roleID(role), PrincipalID: &principal, PrincipalType: ptr(armauthorization.PrincipalTypeServicePrincipal), Condition: &condition, ConditionVersion: ptr("2.0"),
		},
	}, nil))
	if *made.Properties.Condition != condition || *made.Properties.ConditionVersion != "2.0" {
		t.Errorf("the condition became %s", *made.Properties.Condition)
	}
}

// TestDelegationUnderACondition is the documentation's: somebody may assign one role, to service principals, and take
// only that one away.
func TestDelegationUnderACondition(t *testing.T) {
	ctx, in := t.Context(), group(t)
	scope := "/subscriptions/" + cloud.Subscription + "/resourceGroups/" + in
	delegate, credential := servicePrincipal(t)
	somebody, _ := servicePrincipal(t)
	conditional(t, rbacAdministrator, scope, delegate, "((!(ActionMatches{'Microsoft.Authorization/roleAssignments/write'})) OR (@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals{"+acrPull+"} AND @Request[Microsoft.Authorization/roleAssignments:PrincipalType] ForAnyOfAnyValues:StringEqualsIgnoreCase{'ServicePrincipal'}))"+
		" AND ((!(ActionMatches{'Microsoft.Authorization/roleAssignments/delete'})) OR (@Resource[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals{"+acrPull+"}))")
	assignments := must[*armauthorization.RoleAssignmentsClient](t, "making a client")(armauthorization.NewRoleAssignmentsClient(cloud.Subscription, credential, cloud.options))
	give := func(role string) (string, error) {
		name := uuid.NewString()
		_, err := assignments.Create(ctx, scope, name, armauthorization.RoleAssignmentCreateParameters{Properties: &armauthorization.RoleAssignmentProperties{
			RoleDefinitionID: roleID(role), PrincipalID: &somebody, PrincipalType: ptr(armauthorization.PrincipalTypeServicePrincipal),
		}}, nil)
		return name, err
	}
	name, err := give(acrPull)
	if err != nil {
		t.Fatalf("the role that may be given: %v", err)
	}
	_, err = give(reader)
	refused(t, err, 403, "AuthorizationFailed")
	if err == nil || !strings.Contains(err.Error(), "an ABAC condition not fulfilled") {
		t.Errorf("the refusal doesn't speak of the condition: %v", err)
	}
	must[armauthorization.RoleAssignmentsClientDeleteResponse](t, "taking it away")(assignments.Delete(ctx, scope, name, nil))

	broken := "@nonsense"
	own := must[*armauthorization.RoleAssignmentsClient](t, "making a client")(armauthorization.NewRoleAssignmentsClient(cloud.Subscription, cloud.credential, cloud.options))
	_, err = own.Create(ctx, scope, uuid.NewString(), armauthorization.RoleAssignmentCreateParameters{Properties: &armauthorization.RoleAssignmentProperties{
		RoleDefinitionID: roleID(reader), PrincipalID: &somebody, PrincipalType: ptr(armauthorization.PrincipalTypeServicePrincipal), Condition: &broken, ConditionVersion: ptr("2.0"),
	}}, nil)
	refused(t, err, 400, "InvalidCondition")
}

// TestBlobsUnderACondition lets somebody read one container and the paths below one folder of another.
func TestBlobsUnderACondition(t *testing.T) {
	ctx, in := t.Context(), group(t)
	account, name := storageAccount(t, in)
	writer, writing := servicePrincipal(t)
	grant(t, blobContributor, account, writer)
	owner := blobClient(t, name, writing)
	for _, container := range []string{"open", "closed"} {
		must[azblob.CreateContainerResponse](t, "making a container")(owner.CreateContainer(ctx, container, nil))
		for _, path := range []string{"a", "shared/a"} {
			must[azblob.UploadBufferResponse](t, "uploading")(owner.UploadBuffer(ctx, container, path, []byte("x"), nil))
		}
	}
	somebody, credential := servicePrincipal(t)
	const read = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"
	conditional(t, blobReader, account, somebody, "((!(ActionMatches{'"+read+"'})) OR (@Resource[Microsoft.Storage/storageAccounts/blobServices/containers:name] StringEquals 'open') OR (@Resource[Microsoft.Storage/storageAccounts/blobServices/containers/blobs:path] StringLike 'shared/*'))")
	client := blobClient(t, name, credential)
	for path, may := range map[string]bool{"open/a": true, "open/shared/a": true, "closed/shared/a": true, "closed/a": false} {
		container, blob, _ := strings.Cut(path, "/")
		_, err := client.DownloadBuffer(ctx, container, blob, make([]byte, 1), nil)
		switch {
		case may && err != nil:
			t.Errorf("%s: %v", path, err)
		case !may:
			refused(t, err, 403, "AuthorizationPermissionMismatch")
		}
	}
}

package providers_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/authorization/armauthorization/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/providers/authorization"
	"github.com/lanyard-project/lanyard/internal/rbac"
	"github.com/lanyard-project/lanyard/internal/store"
)

const (
	subPath    = "/subscriptions/" + subscription
	readerRole = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
	assignVer  = "?api-version=2020-04-01-preview"
)

func assignmentPath(scope, name string) string {
	return scope + "/providers/Microsoft.Authorization/roleAssignments/" + name
}

func roleDefinition(guid string) string {
	return subPath + "/providers/Microsoft.Authorization/roleDefinitions/" + guid
}

func assignBody(role, principal string) string {
	return fmt.Sprintf(`{"properties":{"roleDefinitionId":%q,"principalId":%q}}`, roleDefinition(role), principal)
}

// principalOf makes an identity and returns its object ID.
func (f *fixture) principalOf(name string) string {
	f.Helper()
	p, err := f.directory.ManagedIdentityOf(f.Context(), armid.MustParse(f.identity(name)))
	if err != nil {
		f.Fatal(err)
	}
	return p.ObjectID
}

func TestAssignmentBodyIsAsRecorded(t *testing.T) {
	f := newCloud(t)
	principal, name := f.principalOf("demo"), uuid.NewString()
	got := f.must(201, "PUT", assignmentPath(identityPath, name)+assignVer, assignBody(miOperate, strings.ToUpper(principal)))
	props := got["properties"].(map[string]any)
	stamp, err := time.Parse(time.RFC3339Nano, props["createdOn"].(string))
	if err != nil || time.Since(stamp) > time.Hour {
		t.Errorf("createdOn: %v %v", props["createdOn"], err)
	}
	want := map[string]any{
		"id": assignmentPath(identityPath, name), "name": name, "type": "Microsoft.Authorization/roleAssignments",
		"properties": map[string]any{
			"roleDefinitionId": roleDefinition(miOperate), "principalId": principal, "principalType": "ServicePrincipal", "scope": identityPath,
			"condition": nil, "conditionVersion": nil, "createdOn": props["createdOn"], "updatedOn": props["createdOn"],
			"createdBy": ownerID, "updatedBy": ownerID, "delegatedManagedIdentityResourceId": nil, "description": nil,
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("created (-want +got):\n%s", diff)
	}
	f.must(200, "PUT", assignmentPath(identityPath, name)+assignVer, assignBody(miOperate, principal))
	if diff := cmp.Diff(want["properties"].(map[string]any)["createdOn"], f.must(200, "GET", assignmentPath(identityPath, name)+assignVer, "")["properties"].(map[string]any)["createdOn"]); diff != "" {
		t.Errorf("a repeated PUT changed createdOn:\n%s", diff)
	}
	if deleted := f.must(200, "DELETE", assignmentPath(identityPath, name)+assignVer, ""); deleted["name"] != name {
		t.Errorf("DELETE must answer with the assignment, got %v", deleted)
	}
	if status, _ := f.call(ownerID, "DELETE", assignmentPath(identityPath, name)+assignVer, ""); status != http.StatusNoContent {
		t.Errorf("deleting again: %d, want 204", status)
	}
	if got := f.refused(ownerID, 404, "RoleAssignmentNotFound", "GET", assignmentPath(identityPath, name)+assignVer, ""); got != "The role assignment '"+strings.ReplaceAll(name, "-", "")+"' is not found." {
		t.Errorf("message: %s", got)
	}
}

func TestAssignmentRefusals(t *testing.T) {
	f := newCloud(t)
	principal, name := f.principalOf("demo"), uuid.NewString()
	f.must(201, "PUT", assignmentPath(subPath, name)+assignVer, assignBody(readerRole, principal))
	unknown := "99999999-9999-9999-9999-999999999999"
	tests := []struct {
		name, path, body, code string
		status                 int
		message                string
	}{
		{"the same under another name", assignmentPath(subPath, uuid.NewString()), assignBody(readerRole, principal), "RoleAssignmentExists", 409, "The role assignment already exists."},
		{"the same in another form", assignmentPath(strings.ToUpper(subPath[:20])+subPath[20:], uuid.NewString()), strings.Replace(assignBody(readerRole, strings.ToUpper(principal)), subPath, "", 1), "RoleAssignmentExists", 409, ""},
		{"another role under its name", assignmentPath(subPath, name), assignBody(vmRole, principal), "RoleAssignmentUpdateNotPermitted", 400, "Tenant ID, application ID, principal ID, and scope are not allowed to be updated."},
		{"another principal under its name", assignmentPath(subPath, name), assignBody(readerRole, unknown), "RoleAssignmentUpdateNotPermitted", 400, ""},
		{"unknown principal", assignmentPath(subPath, uuid.NewString()), assignBody(readerRole, unknown), "PrincipalNotFound", 400,
			"Principal " + unknown + " does not exist in the directory " + tenant + ". Check that you have the correct principal ID. If you are creating this principal and then immediately assigning a role, this error might be related to a replication delay. In this case, set the role assignment principalType property to a value, such as ServicePrincipal, User, or Group.  See https://aka.ms/docs-principaltype"},
		{"unknown role", assignmentPath(subPath, uuid.NewString()), assignBody(unknown, principal), "RoleDefinitionDoesNotExist", 400, "The specified role definition with ID '99999999999999999999999999999999' does not exist."},
		{"a name that is no GUID", assignmentPath(subPath, "mine"), assignBody(vmRole, principal), "InvalidRoleAssignmentId", 400, ""},
		{"no principal", assignmentPath(subPath, uuid.NewString()), `{"properties":{"roleDefinitionId":"` + roleDefinition(vmRole) + `"}}`, "BadRequestFormat", 400, ""},
		{"no role", assignmentPath(subPath, uuid.NewString()), `{"properties":{"principalId":"` + principal + `"}}`, "BadRequestFormat", 400, ""},
		{"unknown principal type", assignmentPath(subPath, uuid.NewString()), strings.Replace(assignBody(vmRole, principal), `"principalId"`, `"principalType":"Robot","principalId"`, 1), "BadRequestFormat", 400, ""},
		{"group that doesn't exist", assignmentPath(group("none").String(), uuid.NewString()), assignBody(vmRole, principal), "ResourceGroupNotFound", 404, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := &fixture{TB: t, server: f.server}
			if message := f.refused(ownerID, tt.status, tt.code, "PUT", tt.path+assignVer, tt.body); tt.message != "" && message != tt.message {
				t.Errorf("message:\n got %s\nwant %s", message, tt.message)
			}
		})
	}
	t.Run("naming the type skips the directory", func(t *testing.T) {
		f := &fixture{TB: t, server: f.server}
		f.must(201, "PUT", assignmentPath(subPath, uuid.NewString())+assignVer, strings.Replace(assignBody(readerRole, unknown), `"principalId"`, `"principalType":"serviceprincipal","principalId"`, 1))
	})
	t.Run("contributors grant nothing", func(t *testing.T) {
		f := &fixture{TB: t, server: f.server, authorization: f.authorization, admin: f.admin}
		f.grant(guestID, "b24988ac-6180-42a0-ab88-20f7382dd24c", armid.Subscription(subscription))
		f.refused(guestID, 403, "AuthorizationFailed", "PUT", assignmentPath(subPath, uuid.NewString())+assignVer, assignBody(vmRole, principal))
	})
}

// TestRevocationCountsAtOnce: the answer to the DELETE is the last moment of the right.
func TestRevocationCountsAtOnce(t *testing.T) {
	f := newCloud(t)
	f.must(201, "PUT", setURL, `{"location":"westus2"}`)
	for range 20 {
		name := uuid.NewString()
		path := assignmentPath(group("nodes").String(), name) + assignVer
		f.must(201, "PUT", path, strings.Replace(assignBody(vmRole, guestID), `"principalId"`, `"principalType":"ServicePrincipal","principalId"`, 1))
		if status, answer := f.call(guestID, "GET", setURL, ""); status != 200 {
			t.Fatalf("after the grant: %d %v", status, answer)
		}
		f.must(200, "DELETE", path, "")
		got := f.refused(guestID, 403, "AuthorizationFailed", "GET", setURL, "")
		want := "The client '" + guestID + "' with object id '" + guestID + "' does not have authorization to perform action 'Microsoft.Compute/virtualMachineScaleSets/read' over scope '" + setPath + "' or the scope is invalid. If access was recently granted, please refresh your credentials. You can run 'az role assignment create --assignee " + guestID + " --role \"Reader\" --scope " + setPath + "' to grant the permission."
		if got != want {
			t.Fatalf("message:\n got %s\nwant %s", got, want)
		}
	}
}

// TestWritesElsewhereCount: another process writes, this one decides.
func TestWritesElsewhereCount(t *testing.T) {
	f := newCloud(t)
	other := newAuthorization(t, f)
	scope := group("nodes")
	r := f.grant(guestID, readerRole, scope)
	caller := providers.Caller{ObjectID: guestID}
	allowed := func() bool { ok, _ := other.Check(t.Context(), caller, "A.B/c/read", scope); return ok }
	waitFor(t, allowed)
	if err := f.authorization.Revoke(t.Context(), authorization.Grant{By: f.admin, Scope: scope, Role: readerRole, PrincipalID: guestID}); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return !allowed() })
	// What can't be read grants nothing.
	f.grant(guestID, readerRole, scope)
	waitFor(t, allowed)
	if _, err := f.store.Txn(t.Context(), nil, []store.Op{store.Put(resource.StoreKey(r.ID), []byte("{"))}); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return !allowed() })
}

func waitFor(t testing.TB, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("waited in vain")
		}
	}
}

// newAuthorization is the provider of another process on the same store.
func newAuthorization(t testing.TB, f *fixture) *authorization.Provider {
	t.Helper()
	other := &fixture{TB: t}
	p, err := authorization.New(authorization.Config{Store: f.store, Resources: f.engine, Principals: f.directory, Log: quiet(), Clock: realClock()})
	if err != nil {
		t.Fatal(err)
	}
	other.run(p.Load, p.Run)
	return p
}

func TestOnlyOneOfManySameAssignments(t *testing.T) {
	f := newCloud(t)
	principal := f.principalOf("demo")
	statuses := make([]int, 8)
	var writers sync.WaitGroup
	for i := range statuses {
		writers.Go(func() {
			statuses[i], _ = f.call(ownerID, "PUT", assignmentPath(subPath, uuid.NewString())+assignVer, assignBody(readerRole, principal))
		})
	}
	writers.Wait()
	slices.Sort(statuses)
	if diff := cmp.Diff([]int{201, 409, 409, 409, 409, 409, 409, 409}, statuses); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
}

// TestClaimOfADeletedScopeIsFree: assignments go with the resource that they are on, and
// can be made again when it is.
func TestClaimOfADeletedScopeIsFree(t *testing.T) {
	f := newCloud(t)
	f.must(201, "PUT", setURL, `{"location":"westus2"}`)
	f.grant(guestID, readerRole, armid.MustParse(setPath))
	f.must(200, "DELETE", setURL, "")
	f.must(201, "PUT", setURL, `{"location":"westus2"}`)
	f.refused(guestID, 403, "AuthorizationFailed", "GET", setURL, "")
	f.must(201, "PUT", assignmentPath(setPath, uuid.NewString())+assignVer, strings.Replace(assignBody(readerRole, guestID), `"principalId"`, `"principalType":"ServicePrincipal","principalId"`, 1))
}

func TestGrantIsIdempotent(t *testing.T) {
	f := newCloud(t)
	scope := group("nodes")
	first := f.grant(guestID, readerRole, scope)
	again := f.grant(strings.ToUpper(guestID), roleDefinition(readerRole), scope)
	if !first.ID.Equal(again.ID) {
		t.Errorf("got %s, want %s", again.ID, first.ID)
	}
	// A client's own assignment of the same is as good.
	f.must(200, "DELETE", first.ID.String()+assignVer, "")
	path := assignmentPath(scope.String(), uuid.NewString())
	f.must(201, "PUT", path+assignVer, strings.Replace(assignBody(readerRole, guestID), `"principalId"`, `"principalType":"ServicePrincipal","principalId"`, 1))
	if third := f.grant(guestID, readerRole, scope); third.ID.String() != path {
		t.Errorf("got %s, want %s", third.ID, path)
	}
}

func TestAssignmentLists(t *testing.T) {
	f := newCloud(t)
	principal := f.principalOf("demo")
	put := func(scope, role string) string {
		name := uuid.NewString()
		f.must(201, "PUT", assignmentPath(scope, name)+assignVer, assignBody(role, principal))
		return name
	}
	atSub, atGroup, atIdentity := put(subPath, readerRole), put(group("g").String(), vmRole), put(identityPath, miOperate)
	owners := f.grant(ownerID, ownerRole, armid.Subscription(subscription)).ID.Name()
	elsewhere := put(group("nodes").String(), vmRole)
	tests := []struct {
		name, scope, filter string
		want                []string
	}{
		{"at, above and below", group("g").String(), "", []string{owners, atSub, atGroup, atIdentity}},
		{"at and above", group("g").String(), "atScope()", []string{owners, atSub, atGroup}},
		{"one principal", group("g").String(), "principalId eq '" + principal + "'", []string{atSub, atGroup, atIdentity}},
		{"of the subscription", subPath, "principalId eq '" + strings.ToUpper(principal) + "'", []string{atSub, atGroup, atIdentity, elsewhere}},
		{"assigned to", identityPath, "atScope() and assignedTo('" + principal + "')", []string{atSub, atGroup, atIdentity}},
		{"assigned to, lower-case scope", strings.ToLower(identityPath), "assignedTo('" + ownerID + "') and atScope()", []string{owners}},
		{"nobody", subPath, "assignedTo('" + guestID + "')", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := &fixture{TB: t, server: f.server}
			answer := f.must(200, "GET", tt.scope+"/providers/Microsoft.Authorization/roleAssignments"+assignVer+"&$filter="+url.QueryEscape(tt.filter), "")
			var got []string
			for _, v := range answer["value"].([]any) {
				got = append(got, v.(map[string]any)["name"].(string))
			}
			slices.Sort(got)
			slices.Sort(tt.want)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("names (-want +got):\n%s", diff)
			}
		})
	}
	for _, bad := range []string{"atScope", "atScope() and", "atScope() or principalId eq 'x'", "name eq 'x'", "principalId eq x", "atScope() atScope()", "principalId eq 'a' and principalId eq 'b'"} {
		f.refused(ownerID, 400, "InvalidFilterInQueryString", "GET", subPath+"/providers/Microsoft.Authorization/roleAssignments"+assignVer+"&$filter="+url.QueryEscape(bad), "")
	}
}

func TestRoleDefinitions(t *testing.T) {
	f := newCloud(t)
	cred, options := f.as(ownerID)
	client, err := armauthorization.NewRoleDefinitionsClient(cred, options)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	list := func(scope, filter string) []*armauthorization.RoleDefinition {
		t.Helper()
		var out []*armauthorization.RoleDefinition
		for pager := client.NewListPager(scope, &armauthorization.RoleDefinitionsClientListOptions{Filter: to.Ptr(filter)}); pager.More(); {
			page, err := pager.NextPage(ctx)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, page.Value...)
		}
		return out
	}
	for _, scope := range []string{subPath, group("g").String()} {
		got := list(scope[1:], "roleName eq 'virtual machine contributor'")
		if len(got) != 1 || *got[0].ID != roleDefinition(vmRole) || *got[0].Name != vmRole || *got[0].Properties.RoleType != "BuiltInRole" {
			t.Fatalf("by name at %s: %+v", scope, got)
		}
	}
	builtin, err := rbac.BuiltinRoles()
	if n := len(list(subPath[1:], "type eq 'BuiltInRole'")); err != nil || n != len(builtin) {
		t.Errorf("%d built-in roles, want %d (%v)", n, len(builtin), err)
	}
	if n := len(list(subPath[1:], "type eq 'CustomRole'")); n != 0 {
		t.Errorf("%d custom roles, want none", n)
	}
	got, err := client.GetByID(ctx, roleDefinition(strings.ToUpper(ownerRole)), nil)
	if err != nil || *got.Properties.RoleName != "Owner" || *got.Properties.Permissions[0].Actions[0] != "*" {
		t.Errorf("by ID: %+v %v", got.RoleDefinition, err)
	}
	var failed *azcore.ResponseError
	if _, err := client.Get(ctx, subPath[1:], guestID, nil); !errorAs(err, &failed) || failed.StatusCode != 404 || failed.ErrorCode != "RoleDefinitionDoesNotExist" {
		t.Errorf("an unknown role: %v", err)
	}
}

func TestAssignmentSDK(t *testing.T) {
	f := newCloud(t)
	principal := f.principalOf("demo")
	cred, options := f.as(ownerID)
	client, err := armauthorization.NewRoleAssignmentsClient(subscription, cred, options)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	made, err := client.Create(ctx, group("nodes").String()[1:], uuid.NewString(), armauthorization.RoleAssignmentCreateParameters{Properties: &armauthorization.RoleAssignmentProperties{
		RoleDefinitionID: to.Ptr(roleDefinition(vmRole)), PrincipalID: to.Ptr(principal), PrincipalType: to.Ptr(armauthorization.PrincipalTypeServicePrincipal),
	}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := client.GetByID(ctx, *made.ID, nil); err != nil || *got.Properties.PrincipalID != principal {
		t.Errorf("by ID: %+v %v", got, err)
	}
	page, err := client.NewListForSubscriptionPager(&armauthorization.RoleAssignmentsClientListForSubscriptionOptions{Filter: to.Ptr("principalId eq '" + principal + "'")}).NextPage(ctx)
	if err != nil || len(page.Value) != 1 || *page.Value[0].ID != *made.ID {
		t.Errorf("list: %+v %v", page.Value, err)
	}
	if deleted, err := client.DeleteByID(ctx, *made.ID, nil); err != nil || *deleted.ID != *made.ID {
		t.Errorf("delete: %+v %v", deleted, err)
	}
	permissions, err := armauthorization.NewPermissionsClient(subscription, cred, options)
	if err != nil {
		t.Fatal(err)
	}
	mine, err := permissions.NewListForResourceGroupPager("nodes", nil).NextPage(ctx)
	if err != nil || len(mine.Value) != 1 || *mine.Value[0].Actions[0] != "*" {
		t.Errorf("permissions: %+v %v", mine.Value, err)
	}
}

package providers_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/providers/authorization"
	"github.com/lanyard-project/lanyard/internal/rbac"
)

const (
	rbacAdmin = "f58310d9-a9f6-439a-9e8d-f62e7b41a168"
	acrPull   = "7f951dda-4ed3-4680-a7ca-43fe172d538d"
	accessVer = "?api-version=2021-06-01-preview"
	roleVer   = "?api-version=2022-04-01"
)

func typed(body string) string {
	return strings.Replace(body, `"principalId"`, `"principalType":"ServicePrincipal","principalId"`, 1)
}

func conditional(body, condition string) string {
	return strings.Replace(body, `"principalId"`, fmt.Sprintf(`"conditionVersion":"2.0","condition":%q,"principalId"`, condition), 1)
}

// TestDelegationIsConstrainedByCondition is the documentation's example: somebody
// may assign certain roles, and take only those away.
func TestDelegationIsConstrainedByCondition(t *testing.T) {
	f := newCloud(t)
	only := "((!(ActionMatches{'Microsoft.Authorization/roleAssignments/write'})) OR (@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals{" + acrPull + "} AND @Request[Microsoft.Authorization/roleAssignments:PrincipalType] ForAnyOfAnyValues:StringEqualsIgnoreCase{'ServicePrincipal'}))" +
		" AND ((!(ActionMatches{'Microsoft.Authorization/roleAssignments/delete'})) OR (@Resource[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals{" + acrPull + "}))"
	f.must(201, "PUT", assignmentPath(subPath, uuid.NewString())+roleVer, typed(conditional(assignBody(rbacAdmin, guestID), only)))
	other, group := f.principalOf("other"), group("g").String()
	pull, read := assignmentPath(group, uuid.NewString())+roleVer, assignmentPath(group, uuid.NewString())+roleVer
	if status, answer := f.call(guestID, "PUT", pull, assignBody(acrPull, other)); status != 201 {
		t.Fatal(answer)
	}
	text := f.refused(guestID, 403, "AuthorizationFailed", "PUT", read, assignBody(readerRole, other))
	for _, part := range []string{"or an ABAC condition not fulfilled to perform action 'Microsoft.Authorization/roleAssignments/write'", "its condition isn't fulfilled by this request"} {
		if !strings.Contains(text, part) {
			t.Errorf("%q isn't in: %s", part, text)
		}
	}
	f.must(201, "PUT", read, assignBody(readerRole, other))
	f.refused(guestID, 403, "AuthorizationFailed", "DELETE", read, "")
	if status, answer := f.call(guestID, "DELETE", pull, ""); status != 200 {
		t.Fatal(answer)
	}
	f.refused(guestID, 403, "AuthorizationFailed", "PUT", pull, strings.Replace(assignBody(acrPull, guestID), `"principalId"`, `"principalType":"User","principalId"`, 1))
	f.refused(ownerID, 400, "InvalidCondition", "PUT", assignmentPath(group, uuid.NewString())+roleVer, typed(conditional(assignBody(readerRole, guestID), "@nonsense")))
}

func customRole(name string, scopes []string, actions ...string) string {
	return fmt.Sprintf(`{"properties":{"roleName":%q,"description":"d","type":"CustomRole","assignableScopes":%s,"permissions":[{"actions":%s,"notActions":[]}]}}`,
		name, quoteList(scopes), quoteList(actions))
}

func quoteList(texts []string) string {
	quoted := make([]string, len(texts))
	for i, text := range texts {
		quoted[i] = fmt.Sprintf("%q", text)
	}
	return "[" + strings.Join(quoted, ",") + "]"
}

func TestCustomRoleLives(t *testing.T) {
	f := newCloud(t)
	guid, nodes := uuid.NewString(), group("nodes").String()
	at := nodes + "/providers/Microsoft.Authorization/roleDefinitions/" + guid + roleVer
	made := f.must(201, "PUT", at, customRole("VM Reader", []string{nodes}, "Microsoft.Compute/*/read"))
	if made["id"] != roleDefinition(guid) || made["name"] != guid {
		t.Errorf("%v", made)
	}
	f.must(201, "PUT", setURL, `{"location":"westus2"}`)
	f.refused(guestID, 403, "AuthorizationFailed", "GET", setURL, "")
	assignment := assignmentPath(nodes, uuid.NewString()) + roleVer
	f.must(201, "PUT", assignment, typed(assignBody(guid, guestID)))
	if status, answer := f.call(guestID, "GET", setURL, ""); status != 200 {
		t.Fatal(answer)
	}
	f.refused(ownerID, 400, "RoleAssignmentScopeNotAssignableToRoleDefinition", "PUT", assignmentPath(subPath, uuid.NewString())+roleVer, typed(assignBody(guid, guestID)))
	list := "/providers/Microsoft.Authorization/roleDefinitions" + roleVer + "&$filter=roleName+eq+'vm+reader'"
	for scope, want := range map[string]int{nodes: 1, group("g").String(): 0, subPath: 0} {
		if got := f.must(200, "GET", scope+list, "")["value"].([]any); len(got) != want {
			t.Errorf("%s lists %v", scope, got)
		}
	}
	if got := f.must(200, "GET", subPath+list+"+and+atScopeAndBelow()", "")["value"].([]any); len(got) != 1 {
		t.Errorf("%v", got)
	}
	f.must(200, "PUT", at, customRole("VM Reader", []string{nodes}, "Microsoft.Network/*"))
	f.refused(guestID, 403, "AuthorizationFailed", "GET", setURL, "")
	f.refused(ownerID, 400, "RoleDefinitionHasAssignments", "DELETE", at, "")
	f.must(200, "DELETE", assignment, "")
	f.must(200, "DELETE", at, "")
	f.refused(ownerID, 404, "RoleDefinitionDoesNotExist", "GET", at, "")
	f.must(201, "PUT", at, customRole("VM Reader", []string{nodes}, "*/read"))
}

// The owner of one group must not reach, through a path below it, the roles of others.
func TestCustomRolesOfOthersStay(t *testing.T) {
	f := newCloud(t)
	guid, nodes, own := uuid.NewString(), group("nodes").String(), group("g").String()
	name := "/providers/Microsoft.Authorization/roleDefinitions/" + guid + roleVer
	f.must(201, "PUT", nodes+name, customRole("VM Reader", []string{nodes}, "*/read"))
	f.grant(guestID, "8e3af657-a8ff-443c-a75c-2fe8c4bcb635", group("g")) // Owner
	f.refused(guestID, 403, "AuthorizationFailed", "DELETE", own+name, "")
	f.refused(guestID, 403, "LinkedAuthorizationFailed", "PUT", own+name, customRole("VM Reader", []string{own}, "*"))
	f.must(200, "GET", nodes+name, "")
	f.must(200, "DELETE", nodes+name, "")
}

func TestCustomRoleRefusals(t *testing.T) {
	f := newCloud(t)
	f.must(201, "PUT", roleDefinition(uuid.NewString())+roleVer, customRole("Taken", []string{subPath}, "*/read"))
	f.grant(guestID, "b24988ac-6180-42a0-ab88-20f7382dd24c", armid.Subscription(subscription))
	good := customRole("Good", []string{subPath}, "*/read")
	for name, tt := range map[string]struct {
		who, guid, body, code string
		status                int
	}{
		"no GUID":                 {ownerID, "mine", good, "InvalidRoleDefinitionId", 400},
		"a built-in role":         {ownerID, readerRole, good, "RoleDefinitionUpdateNotPermitted", 400},
		"name taken":              {ownerID, uuid.NewString(), customRole("tAKEN", []string{subPath}, "*/read"), "RoleDefinitionWithSameNameExists", 409},
		"name of a built-in role": {ownerID, uuid.NewString(), customRole("owner", []string{subPath}, "*/read"), "RoleDefinitionWithSameNameExists", 409},
		"name too long":           {ownerID, uuid.NewString(), customRole(strings.Repeat("x", 129), []string{subPath}, "*/read"), "RoleDefinitionNameInvalid", 400},
		"no scopes":               {ownerID, uuid.NewString(), customRole("x", nil, "*/read"), "MissingAssignableScopes", 400},
		"the tenant as scope":     {ownerID, uuid.NewString(), customRole("x", []string{"/"}, "*/read"), "LinkedInvalidPropertyId", 400},
		"a foreign scope":         {ownerID, uuid.NewString(), customRole("x", []string{"/subscriptions/" + guestID}, "*/read"), "LinkedAuthorizationFailed", 403},
		"an impossible action":    {ownerID, uuid.NewString(), customRole("x", []string{subPath}, "read everything"), "InvalidActionOrNotAction", 400},
		"a contributor":           {guestID, uuid.NewString(), good, "AuthorizationFailed", 403},
		"built-in as type":        {ownerID, uuid.NewString(), strings.Replace(good, "CustomRole", "BuiltInRole", 1), "RoleDefinitionTypeNotSupported", 400},
	} {
		t.Run(name, func(t *testing.T) {
			(&fixture{TB: t, server: f.server}).refused(tt.who, tt.status, tt.code, "PUT", roleDefinition(tt.guid)+roleVer, tt.body)
		})
	}
}

func TestDenyAssignmentIsNamed(t *testing.T) {
	f := newCloud(t)
	f.must(201, "PUT", setURL, `{"location":"westus2"}`)
	lockdown := authorization.Deny{
		By: f.admin, Scope: group("nodes"), Name: "Node resource group lockdown", Permissions: []rbac.Permission{{Actions: []string{"*/write", "*/delete"}}}, Except: []string{guestID},
	}
	if _, err := f.authorization.Forbid(t.Context(), lockdown); err != nil {
		t.Fatal(err)
	}
	f.grant(guestID, vmRole, group("nodes"))
	text := f.refused(ownerID, 403, "DenyAssignmentAuthorizationFailed", "DELETE", setURL, "")
	if !strings.Contains(text, "however, the access is denied because of the deny assignment with name 'Node resource group lockdown'") {
		t.Error(text)
	}
	if got := f.must(200, "GET", setURL[:strings.Index(setURL, "/providers")]+"/providers/Microsoft.Authorization/denyAssignments"+roleVer, "")["value"].([]any); len(got) != 1 {
		t.Errorf("%v", got)
	}
	if status, answer := f.call(guestID, "PUT", setURL, `{"location":"westus2"}`); status != 200 {
		t.Error(answer)
	}
	if err := f.authorization.Permit(t.Context(), lockdown); err != nil {
		t.Fatal(err)
	}
	f.must(200, "DELETE", setURL, "")
}

func TestCheckAccessExplains(t *testing.T) {
	f := newCloud(t)
	f.grant(guestID, readerRole, armid.Subscription(subscription))
	at := group("nodes").String() + "/providers/Microsoft.Authorization/checkAccess" + accessVer
	ask := func(who, body string) map[string]any {
		t.Helper()
		status, answer := f.call(who, "POST", at, body)
		if status != 200 {
			t.Fatal(answer)
		}
		return answer["value"].([]any)[0].(map[string]any)
	}
	other := `{"Subject":{"Attributes":{"ObjectId":"` + guestID + `"}},"Actions":[{"Id":"Microsoft.Compute/virtualMachines/%s"}]}`
	got := ask(ownerID, fmt.Sprintf(other, "read"))
	if got["accessDecision"] != "Allowed" || got["roleAssignment"].(map[string]any)["roleDefinitionName"] != "Reader" || got["roleAssignment"].(map[string]any)["scope"] != subPath {
		t.Errorf("%v", got)
	}
	got = ask(guestID, fmt.Sprintf(other, "write"))
	if got["accessDecision"] != "NotAllowed" || got["missing"].(map[string]any)["roleDefinitionName"] != "Virtual Machine Contributor" ||
		got["considered"].([]any)[0].(map[string]any)["outcome"] != "role doesn't have the action" || !strings.Contains(got["explanation"].(string), "az role assignment create --assignee "+guestID) {
		t.Errorf("%v", got)
	}
	stranger := "eeeeeeee-0000-0000-0000-000000000005"
	f.refused(stranger, 403, "AuthorizationFailed", "POST", at, fmt.Sprintf(other, "read"))
	if got := ask(stranger, `{"Actions":[{"Id":"*/read"}]}`); got["accessDecision"] != "NotAllowed" {
		t.Errorf("%v", got)
	}
	f.refused(ownerID, 400, "InvalidRequestContent", "POST", at, `{}`)
	f.refused(ownerID, 405, "MethodNotAllowed", "GET", at, "")
}

func TestLastAdministratorStays(t *testing.T) {
	f := newCloud(t)
	assignments := f.must(200, "GET", subPath+"/providers/Microsoft.Authorization/roleAssignments"+roleVer+"&$filter=atScope()", "")["value"].([]any)
	only := assignments[0].(map[string]any)["id"].(string) + roleVer
	if text := f.refused(ownerID, 400, "CannotDeleteLastRbacAdminAssignment", "DELETE", only, ""); !strings.HasPrefix(text, "Cannot delete the last RBAC admin assignment.") {
		t.Error(text)
	}
	f.grant(guestID, rbacAdmin, armid.Subscription(subscription))
	f.must(200, "DELETE", only, "")
}

func TestPrincipalTypeMustFit(t *testing.T) {
	f := newCloud(t)
	body := strings.Replace(assignBody(readerRole, f.principalOf("demo")), `"principalId"`, `"principalType":"User","principalId"`, 1)
	f.refused(ownerID, 400, "UnmatchedPrincipalType", "PUT", assignmentPath(subPath, uuid.NewString())+roleVer, body)
}

func TestAssignmentsPropagateWhenAsked(t *testing.T) {
	f := newCloudWith(t, 10*time.Minute)
	f.must(201, "PUT", assignmentPath(subPath, uuid.NewString())+roleVer, typed(assignBody(readerRole, guestID)))
	const groups = subPath + "/resourceGroups/g?api-version=2021-04-01"
	if text := f.refused(guestID, 403, "AuthorizationFailed", "GET", groups, ""); !strings.Contains(text, "takes effect at") {
		t.Error(text)
	}
	f.clock.pass(10 * time.Minute)
	if status, answer := f.call(guestID, "GET", groups, ""); status != 200 {
		t.Error(answer)
	}
}

func TestProviderOperations(t *testing.T) {
	f := newCloud(t)
	got := toJSON(t, f.must(200, "GET", "/providers/Microsoft.Authorization/providerOperations/microsoft.managedidentity?api-version=2018-01-01-preview&$expand=resourceTypes", ""))
	for _, part := range []string{`"Microsoft.ManagedIdentity/userAssignedIdentities/write"`, `"isDataAction":false`, `"name":"Microsoft.ManagedIdentity"`} {
		if !strings.Contains(got, part) {
			t.Errorf("%s isn't in %s", part, got)
		}
	}
	f.refused(ownerID, 404, "ProviderNotFound", "GET", "/providers/Microsoft.Authorization/providerOperations/Nobody?api-version=2018-01-01-preview", "")
}

func TestRolesOfARealSubscriptionAreImported(t *testing.T) {
	const printed = `[{"assignableScopes":["/"],"description":"d","id":"x","name":"4633458b-17de-408a-b874-0445c86d0e6f","permissions":[{"actions":["A.B/*"],"dataActions":[],"notActions":[],"notDataActions":[],"condition":null}],"roleName":"Imported","roleType":"BuiltInRole","type":"Microsoft.Authorization/roleDefinitions"},
		{"assignableScopes":["/subscriptions/x"],"name":"4633458b-17de-408a-b874-0445c86d0e70","permissions":[{"actions":["A.B/*"]}],"roleName":"Mine","roleType":"CustomRole"}]`
	roles, custom, err := authorization.ReadImport(strings.NewReader(printed), "a test")
	if err != nil || custom != 1 || len(roles) != 1 || roles[0].RoleName != "Imported" || roles[0].Source != "a test" {
		t.Errorf("%v %d %v", roles, custom, err)
	}
	for _, bad := range []string{"", "{}", `[{"roleName":"x"}]`, `[{"name":"4633458b-17de-408a-b874-0445c86d0e6f","roleName":"x","permissions":[{"actions":["a b"]}]}]`} {
		if _, _, err := authorization.ReadImport(strings.NewReader(bad), ""); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

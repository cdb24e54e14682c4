package graph_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lanyard-project/lanyard/internal/directory"
	"github.com/lanyard-project/lanyard/internal/secret"
	"github.com/lanyard-project/lanyard/internal/tokens"
)

// send is a request that has to end with the status.
func (c *cloud) send(t *testing.T, status int, method, path, body string) map[string]any {
	t.Helper()
	got := c.do(t, method, c.origin+path, c.bearer, body)
	if got.status != status {
		t.Fatalf("%s %s: %d %v", method, path, got.status, got.body)
	}
	return got.body
}

func (c *cloud) reference(id string) string {
	return fmt.Sprintf(`{"@odata.id":"%s/v1.0/directoryObjects/%s"}`, c.origin, id)
}

// What az ad sp create-for-rbac, credential reset and delete send, in their order.
func TestLifeOfAnApplication(t *testing.T) {
	c := start(t)
	app := c.send(t, 201, "POST", "/v1.0/applications", `{"displayName":"demo","keyCredentials":[],"isFallbackPublicClient":true,"web":{"redirectUris":["https://a"]}}`)
	id, appID := app["id"].(string), app["appId"].(string)
	if app["isFallbackPublicClient"] != true || !cmp.Equal(app["passwordCredentials"], []any{}) {
		t.Errorf("%v", app)
	}
	password := c.send(t, 200, "POST", "/v1.0/applications/"+id+"/addPassword", `{"passwordCredential":{"displayName":"rbac","startDateTime":"2026-01-01T00:00:00Z","endDateTime":"2027-01-01T00:00:00Z"}}`)
	if password["secretText"] == nil || password["endDateTime"] != "2027-01-01T00:00:00Z" || password["hint"] != password["secretText"].(string)[:3] {
		t.Errorf("%v", password)
	}
	missing := c.do(t, "POST", c.origin+"/v1.0/servicePrincipals", c.bearer, `{"appId":"11111111-1111-1111-1111-111111111111"}`)
	if missing.status != 400 || missing.code() != "NoBackingApplicationObject" || !strings.Contains(missing.message(), " does not reference ") {
		t.Errorf("az repeats its request on these words: %d %v", missing.status, missing.body)
	}
	principal := c.send(t, 201, "POST", "/v1.0/servicePrincipals", `{"appId":"`+appID+`","accountEnabled":true}`)
	principalID := principal["id"].(string)
	if again := c.do(t, "POST", c.origin+"/v1.0/servicePrincipals", c.bearer, `{"appId":"`+appID+`"}`); again.status != 409 {
		t.Errorf("%d %v", again.status, again.body)
	}
	if verdict, err := c.directory.CheckSecret(t.Context(), principalID, secret.New(password["secretText"].(string))); err != nil || verdict != directory.SecretGood {
		t.Errorf("the application's secret proves its principal: %v %v", verdict, err)
	}
	listed := c.send(t, 200, "GET", "/v1.0/applications/"+id, "")["passwordCredentials"].([]any)
	if len(listed) != 1 || listed[0].(map[string]any)["secretText"] != nil || listed[0].(map[string]any)["displayName"] != "rbac" {
		t.Errorf("a secret is shown once: %v", listed)
	}
	c.send(t, 204, "POST", "/v1.0/applications/"+id+"/removePassword", `{"keyId":"`+password["keyId"].(string)+`"}`)
	c.send(t, 400, "POST", "/v1.0/applications/"+id+"/removePassword", `{"keyId":"`+password["keyId"].(string)+`"}`)
	c.send(t, 200, "POST", "/v1.0/servicePrincipals/"+principalID+"/addPassword", `{"passwordCredential":{"displayName":null}}`)

	c.send(t, 204, "PATCH", "/v1.0/applications/"+id, `{"displayName":"renamed","identifierUris":["api://demo"]}`)
	renamed := c.send(t, 200, "GET", "/v1.0/servicePrincipals/"+principalID, "")
	if renamed["displayName"] != "renamed" || !cmp.Equal(renamed["servicePrincipalNames"], []any{appID, "api://demo"}) {
		t.Errorf("%v", renamed)
	}
	if found := c.list(t, "applications", "identifierUris/any(s:s eq 'api://demo')").names(); !cmp.Equal(found, []string{"renamed"}) {
		t.Errorf("%v", found)
	}
	c.send(t, 204, "PATCH", "/v1.0/servicePrincipals/"+principalID, `{"accountEnabled":false}`)
	if p, _ := c.directory.ByObjectID(t.Context(), principalID); !p.Disabled {
		t.Error("accountEnabled false must disable it")
	}
	c.send(t, 204, "DELETE", "/v1.0/servicePrincipals/"+principalID, "")
	c.send(t, 200, "GET", "/v1.0/applications/"+id, "")
	c.send(t, 201, "POST", "/v1.0/servicePrincipals", `{"appId":"`+appID+`"}`)
	c.send(t, 204, "DELETE", "/v1.0/applications/"+id, "")
	c.send(t, 404, "GET", "/v1.0/applications/"+id, "")
	if found := c.list(t, "servicePrincipals", "appId eq '"+appID+"'").names(); len(found) != 0 {
		t.Errorf("the principal goes with its application: %v", found)
	}
}

func TestFederatedCredentialsOfAnApplication(t *testing.T) {
	c := start(t)
	app := c.send(t, 201, "POST", "/v1.0/applications", `{"displayName":"demo"}`)
	path := "/v1.0/applications/" + app["id"].(string) + "/federatedIdentityCredentials"
	body := `{"name":"git","issuer":"https://token.example","subject":"repo:a/b:ref:c","audiences":["api://AzureADTokenExchange"],"description":null}`
	made := c.send(t, 201, "POST", path, body)
	c.send(t, 409, "POST", path, body)
	c.send(t, 409, "POST", path, strings.Replace(body, `"git"`, `"other"`, 1))
	c.send(t, 204, "PATCH", path+"/git", `{"subject":"repo:a/b:ref:d"}`)
	got := c.send(t, 200, "GET", path+"/"+made["id"].(string), "")
	if got["subject"] != "repo:a/b:ref:d" || got["name"] != "git" {
		t.Errorf("%v", got)
	}
	for _, bad := range []string{`"api://x","api://y"`, ``} {
		c.send(t, 400, "POST", path, `{"name":"two","issuer":"https://i","subject":"s","audiences":[`+bad+`]}`)
	}
	c.send(t, 400, "POST", path, `{"name":"two","issuer":"http://i","subject":"s","audiences":["a"]}`)
	c.send(t, 204, "DELETE", path+"/git", "")
	c.send(t, 404, "GET", path+"/git", "")
}

func TestGroupsHaveMembers(t *testing.T) {
	c := start(t)
	inner := c.send(t, 201, "POST", "/v1.0/groups", `{"displayName":"inner","mailNickname":"i","mailEnabled":false,"securityEnabled":true}`)["id"].(string)
	outer := c.send(t, 201, "POST", "/v1.0/groups", `{"displayName":"outer","mailNickname":"o","mailEnabled":false,"securityEnabled":true,"description":"x"}`)["id"].(string)
	if found := c.list(t, "groups", "displayName eq 'inner' and mailNickname eq 'i'").names(); !cmp.Equal(found, []string{"inner"}) {
		t.Errorf("%v", found)
	}
	c.send(t, 204, "POST", "/v1.0/groups/"+inner+"/members/$ref", c.reference(c.identity.ObjectID))
	c.send(t, 400, "POST", "/v1.0/groups/"+inner+"/members/$ref", c.reference(c.identity.ObjectID))
	c.send(t, 204, "POST", "/v1.0/groups/"+outer+"/members/$ref", c.reference(inner))
	c.send(t, 400, "POST", "/v1.0/groups/"+inner+"/members/$ref", c.reference(outer))
	c.send(t, 404, "POST", "/v1.0/groups/"+inner+"/members/$ref", c.reference("11111111-1111-1111-1111-111111111111"))

	if got := c.send(t, 200, "POST", "/v1.0/directoryObjects/"+c.identity.ObjectID+"/checkMemberGroups", `{"groupIds":["`+outer+`"]}`); !cmp.Equal(got["value"], []any{outer}) {
		t.Errorf("membership is transitive: %v", got)
	}
	members := c.get(t, "/v1.0/groups/"+outer+"/transitiveMembers")
	if diff := cmp.Diff([]string{"inner", "kite"}, members.names()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"inner"}, c.get(t, "/v1.0/servicePrincipals/"+c.identity.ObjectID+"/memberOf").names()); diff != "" {
		t.Error(diff)
	}
	if kind, err := c.directory.PrincipalType(t.Context(), c.identity.TenantID, inner); kind != "Group" || err != nil {
		t.Errorf("%s %v", kind, err)
	}
	c.send(t, 204, "DELETE", "/v1.0/groups/"+inner+"/members/"+c.identity.ObjectID+"/$ref", "")
	c.send(t, 404, "DELETE", "/v1.0/groups/"+inner+"/members/"+c.identity.ObjectID+"/$ref", "")
	if got := c.directory.GroupsOf(c.identity.ObjectID); len(got) != 0 {
		t.Errorf("%v", got)
	}
	c.send(t, 204, "DELETE", "/v1.0/groups/"+inner, "")
	if got := c.get(t, "/v1.0/groups/"+outer+"/members"); len(got.names()) != 0 {
		t.Errorf("a member that is gone isn't shown: %v", got.body)
	}
}

func TestUsers(t *testing.T) {
	c := start(t)
	create := func(name, password string) answer {
		return c.do(t, "POST", c.origin+"/v1.0/users", c.bearer, fmt.Sprintf(
			`{"accountEnabled":true,"displayName":"Ann","mailNickname":"ann","userPrincipalName":%q,"passwordProfile":{"password":%q,"forceChangePasswordNextSignIn":false}}`, name, password))
	}
	made := create("ann@"+c.tenant.Domain, "correct horse")
	if made.status != 201 {
		t.Fatalf("%d %v", made.status, made.body)
	}
	if text, _ := json.Marshal(made.body); strings.Contains(string(text), "horse") {
		t.Error("the password comes back")
	}
	for name, password := range map[string]string{"ANN@" + c.tenant.Domain: "correct horse", "bob@elsewhere.example": "correct horse", "eve@" + c.tenant.Domain: "short"} {
		if got := create(name, password); got.status != 400 && got.status != 409 {
			t.Errorf("%s: %d", name, got.status)
		}
	}
	if found := c.list(t, "users", "userPrincipalName eq 'ann@"+c.tenant.Domain+"'").names(); !cmp.Equal(found, []string{"Ann"}) {
		t.Errorf("%v", found)
	}
	c.send(t, 204, "PATCH", "/v1.0/users/ann@"+c.tenant.Domain, `{"passwordProfile":{"password":"another horse"}}`)
	for password, want := range map[string]bool{"correct horse": false, "another horse": true} {
		if _, ok, err := c.directory.SignIn(t.Context(), "Ann@"+c.tenant.Domain, secret.New(password)); ok != want || err != nil {
			t.Errorf("%s: %v %v", password, ok, err)
		}
	}
	c.send(t, 204, "DELETE", "/v1.0/users/"+made.body["id"].(string), "")
	c.send(t, 404, "GET", "/v1.0/users/ann@"+c.tenant.Domain, "")
}

// TestOnlyWhoMayWrites asks every writing operation as somebody without rights.
func TestOnlyWhoMayWrites(t *testing.T) {
	c := start(t)
	stranger, err := c.directory.CreateApplication(t.Context(), c.tenant.ID, "stranger")
	if err != nil {
		t.Fatal(err)
	}
	app := c.send(t, 201, "POST", "/v1.0/applications", `{"displayName":"demo"}`)
	group := c.send(t, 201, "POST", "/v1.0/groups", `{"displayName":"g","mailNickname":"g","mailEnabled":false,"securityEnabled":true}`)
	id, principal, groupPath := app["id"].(string), "/v1.0/servicePrincipals/"+c.admin.ObjectID, "/v1.0/groups/"+group["id"].(string)
	applicationPath := "/v1.0/applications/" + id
	bearer := c.token(t, stranger, c.origin+"/")
	writes := []string{
		"POST /v1.0/applications", "PATCH " + applicationPath, "DELETE " + applicationPath, "POST " + applicationPath + "/addPassword",
		"POST " + applicationPath + "/removePassword", "POST " + applicationPath + "/owners/$ref", "DELETE " + applicationPath + "/owners/x/$ref",
		"POST " + applicationPath + "/federatedIdentityCredentials", "PATCH " + applicationPath + "/federatedIdentityCredentials/x",
		"DELETE " + applicationPath + "/federatedIdentityCredentials/x", "PATCH " + principal, "DELETE " + principal, "POST " + principal + "/addPassword",
		"POST " + principal + "/removePassword", "POST " + principal + "/appRoleAssignments", "DELETE " + principal + "/appRoleAssignments/x",
		"POST /v1.0/groups", "PATCH " + groupPath, "DELETE " + groupPath, "DELETE " + groupPath + "/members/x/$ref", "DELETE " + groupPath + "/owners/x/$ref",
		"POST /v1.0/users", "PATCH /v1.0/users/x", "DELETE /v1.0/users/x",
	}
	for _, write := range writes {
		method, path, _ := strings.Cut(write, " ")
		if got := c.do(t, method, c.origin+path, bearer, c.reference(stranger.ObjectID)); got.status != http.StatusForbidden {
			t.Errorf("%s: %d %v", write, got.status, got.body)
		}
	}
	for _, write := range []string{groupPath + "/members/$ref", groupPath + "/owners/$ref"} {
		if got := c.do(t, "POST", c.origin+write, bearer, c.reference(stranger.ObjectID)); got.status != http.StatusForbidden {
			t.Errorf("%s: %d %v", write, got.status, got.body)
		}
	}
	if got := c.do(t, "POST", c.origin+"/v1.0/servicePrincipals", bearer, `{"appId":"`+app["appId"].(string)+`"}`); got.status != http.StatusForbidden {
		t.Errorf("%d %v", got.status, got.body)
	}
	// Owners may, and rights that were given count at once, and no longer than they last.
	c.send(t, 204, "POST", applicationPath+"/owners/$ref", c.reference(stranger.ObjectID))
	if got := c.do(t, "PATCH", c.origin+applicationPath, bearer, `{"displayName":"his"}`); got.status != 204 {
		t.Errorf("owner: %d %v", got.status, got.body)
	}
	roles := "/v1.0/servicePrincipals/" + stranger.ObjectID + "/appRoleAssignments"
	const groupWrite = "62a82d76-70ea-41e2-9197-370581804d09"
	given := c.send(t, 201, "POST", roles, fmt.Sprintf(`{"principalId":%q,"resourceId":"x","appRoleId":%q}`, stranger.ObjectID, groupWrite))
	if got := c.do(t, "PATCH", c.origin+groupPath, bearer, `{"displayName":"his"}`); got.status != 204 {
		t.Errorf("with Group.ReadWrite.All: %d %v", got.status, got.body)
	}
	c.send(t, 204, "DELETE", roles+"/"+given["id"].(string), "")
	if got := c.do(t, "PATCH", c.origin+groupPath, bearer, `{"displayName":"hers"}`); got.status != 403 {
		t.Errorf("taken away: %d %v", got.status, got.body)
	}
}

// A new password is all that its user may: who may change users must not get the
// rights of those who may more.
func TestPasswordsOfAdministratorsAreTheirs(t *testing.T) {
	c := start(t)
	helpdesk, err := c.directory.CreateApplication(t.Context(), c.tenant.ID, "helpdesk")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.directory.SetRole(t.Context(), helpdesk.ObjectID, directory.RoleUserWrite, true); err != nil {
		t.Fatal(err)
	}
	bearer := c.token(t, helpdesk, c.origin+"/")
	for name, role := range map[string]string{"ann": "", "root": directory.RoleDirectoryWrite, "reader": directory.RoleDirectoryRead} {
		user, err := c.directory.CreateUser(t.Context(), directory.User{TenantID: c.tenant.ID, Name: name + "@" + c.tenant.Domain, DisplayName: name}, secret.New("correct horse"))
		if err != nil {
			t.Fatal(err)
		}
		want := http.StatusNoContent
		if role != "" {
			want = http.StatusForbidden
			if err := c.directory.SetRole(t.Context(), user.ObjectID, role, true); err != nil {
				t.Fatal(err)
			}
		}
		path := c.origin + "/v1.0/users/" + user.ObjectID
		for _, write := range []struct{ method, body string }{
			{"PATCH", `{"passwordProfile":{"password":"another horse"}}`}, {"PATCH", `{"accountEnabled":false}`}, {"DELETE", ""},
		} {
			if got := c.do(t, write.method, path, bearer, write.body); got.status != want {
				t.Errorf("%s: %s %s: %d %v", name, write.method, write.body, got.status, got.body)
			}
		}
	}
}

// Who may make applications of his own only can't fill the directory.
func TestApplicationsOfOneUserAreLimited(t *testing.T) {
	c := start(t)
	user, err := c.directory.CreateUser(t.Context(), directory.User{TenantID: c.tenant.ID, Name: "ann@" + c.tenant.Domain, DisplayName: "Ann"}, secret.New("correct horse"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 250 {
		if _, err := c.directory.Register(t.Context(), directory.Application{TenantID: c.tenant.ID, DisplayName: fmt.Sprint(i), Owners: []string{user.ObjectID}}); err != nil {
			t.Fatal(err)
		}
	}
	minted, err := c.issuer.Mint(tokens.Grant{
		TenantID: c.tenant.ID, ObjectID: user.ObjectID, AppID: "04b07795-8ddb-461a-bbee-02f9e1bf7b46", Audience: c.origin + "/", Version: tokens.V1, Lifetime: time.Hour, User: &tokens.User{Name: user.Name},
	})
	if err != nil {
		t.Fatal(err)
	}
	bearer := minted.Raw.Reveal()
	more := func() answer {
		return c.do(t, "POST", c.origin+"/v1.0/applications", bearer, `{"displayName":"one too many"}`)
	}
	if got := more(); got.status != 403 || got.code() != "Directory_QuotaExceeded" {
		t.Errorf("%d %v", got.status, got.body)
	}
	c.send(t, 201, "POST", "/v1.0/applications", `{"displayName":"the administrator's"}`)
	owned := c.list(t, "applications", "displayName eq '7'").body["value"].([]any)[0].(map[string]any)["id"].(string)
	if got := c.do(t, "DELETE", c.origin+"/v1.0/applications/"+owned, bearer, ""); got.status != 204 {
		t.Errorf("an owner deletes: %d %v", got.status, got.body)
	}
	if got := more(); got.status != 201 {
		t.Errorf("after one was deleted: %d %v", got.status, got.body)
	}
}

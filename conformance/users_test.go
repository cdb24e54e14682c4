package conformance

import (
	"context"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/authorization/armauthorization/v2"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/msi/armmsi"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/resources/armsubscriptions"
	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/public"
	"github.com/google/uuid"
)

const (
	reader = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
	// azureCLI is the client by which az signs users in; every tenant knows it.
	azureCLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
	password = "Correct-Horse-7-Battery"
)

// user makes one and returns his object ID and name.
func user(t *testing.T) (id, name string) {
	t.Helper()
	tenants := must[*armsubscriptions.TenantsClient](t, "making a client")(armsubscriptions.NewTenantsClient(cloud.credential, cloud.options))
	domain := ""
	for _, page := range all(t, "listing tenants", tenants.NewListPager(nil)) {
		for _, tenant := range page.Value {
			if *tenant.TenantID == cloud.Tenant {
				domain = *tenant.DefaultDomain
			}
		}
	}
	nick := "ann" + uuid.NewString()[:8]
	name = nick + "@" + domain
	var made struct{ ID string }
	created(t, "/users", map[string]any{
		"accountEnabled": true, "displayName": "Ann", "mailNickname": nick, "userPrincipalName": name,
		"passwordProfile": map[string]any{"password": password, "forceChangePasswordNextSignIn": false},
	}, &made)
	return made.ID, name
}

func publicClient(t *testing.T) public.Client {
	t.Helper()
	return must[public.Client](t, "making a client")(public.New(azureCLI, public.WithAuthority(cloud.Origin+"/"+cloud.Tenant),
		public.WithHTTPClient(cloud.http), public.WithInstanceDiscovery(false)))
}

// fillIn posts a sign-in page's form, as the user's browser does, follows where it leads, and clicks on what sends him
// back to his program.
func fillIn(page string, form url.Values) error {
	response, err := cloud.http.PostForm(page, form)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	shown, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		return fmt.Errorf("the page answered %s: %w", response.Status, err)
	}
	back := regexp.MustCompile(`action="(http://localhost:[^"]+)"`).FindStringSubmatch(string(shown))
	if back == nil {
		return nil
	}
	fields := url.Values{}
	for _, field := range regexp.MustCompile(`type="hidden" name="([^"]+)" value="([^"]*)"`).FindAllStringSubmatch(string(shown), -1) {
		fields.Set(field[1], html.UnescapeString(field[2]))
	}
	end, err := cloud.http.PostForm(html.UnescapeString(back[1]), fields)
	if err != nil {
		return err
	}
	return end.Body.Close()
}

// TestUsersSignIn signs a user in with MSAL, in all ways that az login has: name and password, a code for another device,
// the browser; and renews without him.
func TestUsersSignIn(t *testing.T) {
	ctx := t.Context()
	id, name := user(t)
	scopes := []string{armScope}
	isHis := func(how string, got public.AuthResult) {
		t.Helper()
		if claims := claimsOf(t, got.AccessToken); claims["oid"] != id || claims["upn"] != name || !strings.EqualFold(got.Account.PreferredUsername, name) {
			t.Errorf("%s: the token is %v's, the account %s", how, claims["upn"], got.Account.PreferredUsername)
		}
	}
	client := publicClient(t)
	byPassword := must[public.AuthResult](t, "signing in with a password")(client.AcquireTokenByUsernamePassword(ctx, scopes, name, password)) //nolint:staticcheck // SA1019: old scripts use it
	isHis("password", byPassword)
	again := must[public.AuthResult](t, "renewing for another service")(client.AcquireTokenSilent(ctx, []string{"https://graph.microsoft.com/.default"}, public.WithSilentAccount(byPassword.Account)))
	isHis("renewed", again)
	for what, wrong := range map[string][2]string{"a wrong password": {name, "wrong"}, "nobody": {"nobody-" + name, password}} {
		if _, err := publicClient(t).AcquireTokenByUsernamePassword(ctx, scopes, wrong[0], wrong[1]); err == nil || !strings.Contains(err.Error(), "AADSTS50126") { //nolint:staticcheck // SA1019
			t.Errorf("%s: %v", what, err)
		}
	}

	device := must[public.DeviceCode](t, "asking for a device code")(publicClient(t).AcquireTokenByDeviceCode(ctx, scopes))
	if err := fillIn(device.Result.VerificationURL, url.Values{"code": {device.Result.UserCode}, "username": {name}, "password": {password}}); err != nil {
		t.Fatal(err)
	}
	isHis("device code", must[public.AuthResult](t, "redeeming the device code")(device.AuthenticationResult(ctx)))

	browsing, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	browsed := make(chan error, 1)
	isHis("browser", must[public.AuthResult](t, "signing in with a browser")(publicClient(t).AcquireTokenInteractive(browsing, scopes,
		public.WithLoginHint(name), public.WithOpenURL(func(page string) error {
			// A browser is another process, which MSAL doesn't wait for.
			go func() { browsed <- fillIn(page, url.Values{"username": {name}, "password": {password}}) }()
			return nil
		}))))
	if err := <-browsed; err != nil {
		t.Error(err)
	}
}

// TestGroupsCount gives a role to a group: its members have it from their next call on, and lose it with their membership.
func TestGroupsCount(t *testing.T) {
	ctx, in := t.Context(), group(t)
	id, name := user(t)
	var team struct{ ID string }
	created(t, "/groups", map[string]any{"displayName": "team", "mailNickname": "team", "mailEnabled": false, "securityEnabled": true}, &team)
	scope := "/subscriptions/" + cloud.Subscription + "/resourceGroups/" + in
	assignments := must[*armauthorization.RoleAssignmentsClient](t, "making a client")(armauthorization.NewRoleAssignmentsClient(cloud.Subscription, cloud.credential, cloud.options))
	made := must[armauthorization.RoleAssignmentsClientCreateResponse](t, "assigning to the group")(assignments.Create(ctx, scope, uuid.NewString(), armauthorization.RoleAssignmentCreateParameters{
		Properties: &armauthorization.RoleAssignmentProperties{RoleDefinitionID: roleID(reader), PrincipalID: &team.ID},
	}, nil))
	if *made.Properties.PrincipalType != armauthorization.PrincipalTypeGroup {
		t.Errorf("the principal is a %s", *made.Properties.PrincipalType)
	}
	credential := must[*azidentity.UsernamePasswordCredential](t, "making a credential")(azidentity.NewUsernamePasswordCredential(cloud.Tenant, azureCLI, name, password, //nolint:staticcheck // SA1019: old scripts use it
		&azidentity.UsernamePasswordCredentialOptions{ClientOptions: cloud.options.ClientOptions, DisableInstanceDiscovery: true})) //nolint:staticcheck // SA1019
	must[azcore.AccessToken](t, "signing in")(credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{armScope}}))
	read := func() error {
		_, err := clientFor(t, credential).Get(ctx, in, "none", nil)
		return err
	}
	refused(t, read(), 403, "AuthorizationFailed")
	created(t, "/groups/"+team.ID+"/members/$ref", map[string]any{"@odata.id": cloud.Origin + "/v1.0/directoryObjects/" + id}, nil)
	refused(t, read(), 404, "ResourceNotFound") // he may read, there is nothing
	_, err := clientFor(t, credential).CreateOrUpdate(ctx, in, "x", armmsi.Identity{Location: ptr(location)}, nil)
	refused(t, err, 403, "AuthorizationFailed")
	if status := graph(t, http.MethodDelete, "/groups/"+team.ID+"/members/"+id+"/$ref", nil, nil); status != http.StatusNoContent {
		t.Fatalf("leaving the group: HTTP %d", status)
	}
	refused(t, read(), 403, "AuthorizationFailed")
}

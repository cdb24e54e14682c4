//go:build e2e

package e2e_test

import (
	"bufio"
	"net/http"
	"net/url"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/lanyard-project/lanyard/test/e2e/rig"
)

// TestAzOfATenant has the real az in a second tenant, by its domain: the administrator, and a user who has his rights by a
// group and signs in with a password and on another device.
func TestAzOfATenant(t *testing.T) {
	cloud := rig.Start(t, "--clusters=none", "--tenant=contoso.local="+contoso, "--subscription=Shop="+shop+"@contoso.local")
	administrator, err := cloud.AdministratorOf("contoso.local")
	if err != nil {
		t.Fatal(err)
	}
	owner := cloud.NewAz(t)
	owner.Must(t, "login", "--service-principal", "-u", administrator.ClientID, "-p", administrator.ClientSecret.Reveal(), "--tenant", "contoso.local")
	tsv := func(az *rig.Az, want string, args ...string) {
		t.Helper()
		if got := az.Must(t, append(args, "-o", "tsv")...); got != want {
			t.Errorf("az %s: %q, want %q", strings.Join(args, " "), got, want)
		}
	}
	tsv(owner, shop, "account", "list", "--query", "[].id")
	tsv(owner, contoso, "account", "show", "--query", "tenantId")
	tsv(owner, "contoso.local", "rest", "--method", "get", "--url", "/tenants?api-version=2022-12-01", "--query", "value[].defaultDomain")
	owner.Must(t, "group", "create", "-n", "shop", "-l", "eastus")

	const name, password = "ann@contoso.local", "Correct-Horse-7-Battery"
	ann := owner.Must(t, "ad", "user", "create", "--display-name", "Ann", "--user-principal-name", name, "--password", password, "--query", "id", "-o", "tsv")
	team := owner.Must(t, "ad", "group", "create", "--display-name", "team", "--mail-nickname", "team", "--query", "id", "-o", "tsv")
	owner.Must(t, "ad", "group", "member", "add", "--group", "team", "--member-id", ann)
	tsv(owner, name, "ad", "group", "member", "list", "--group", "team", "--query", "[].userPrincipalName")
	scope := owner.Must(t, "group", "show", "-n", "shop", "--query", "id", "-o", "tsv")
	owner.Must(t, "role", "assignment", "create", "--assignee", team, "--role", "Reader", "--scope", scope)
	tsv(owner, "Group", "role", "assignment", "list", "--scope", scope, "--query", "[?principalId=='"+team+"'].principalType")

	user := cloud.NewAz(t)
	if said := user.Refused(t, "login", "--username", name, "--password", "wrong", "--tenant", "contoso.local"); !strings.Contains(said, "AADSTS50126") {
		t.Errorf("a wrong password: %s", said)
	}
	user.Must(t, "login", "--username", name, "--password", password, "--tenant", "contoso.local")
	tsv(user, name, "account", "show", "--query", "user.name")
	tsv(user, "shop", "group", "list", "--query", "[].name")
	tsv(user, ann, "ad", "signed-in-user", "show", "--query", "id")
	if said := user.Refused(t, "group", "delete", "-n", "shop", "--yes"); !strings.Contains(said, "AuthorizationFailed") {
		t.Errorf("a reader deletes: %s", said)
	}

	device := cloud.NewAz(t)
	onAnotherDevice(t, cloud, device, url.Values{"username": {name}, "password": {password}})
	tsv(device, name, "account", "show", "--query", "user.name")
	tsv(device, "shop", "group", "list", "--query", "[].name")
}

// onAnotherDevice runs az login --use-device-code, and does what az asks its user for.
func onAnotherDevice(t *testing.T, cloud *rig.Cloud, az *rig.Az, form url.Values) {
	t.Helper()
	login := exec.CommandContext(t.Context(), "az", "login", "--use-device-code", "--tenant", "contoso.local", "-o", "none")
	login.Env = az.Environment()
	said, err := login.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := login.Start(); err != nil {
		t.Fatal(err)
	}
	var heard strings.Builder
	lines := bufio.NewScanner(said)
	for lines.Scan() {
		heard.WriteString(lines.Text() + "\n")
		asked := regexp.MustCompile(`open the page (\S+) and enter the code (\S+) to`).FindStringSubmatch(lines.Text())
		if asked == nil {
			continue
		}
		browser, err := cloud.Client()
		if err != nil {
			t.Fatal(err)
		}
		form.Set("code", asked[2])
		response, err := browser.PostForm(asked[1], form)
		if err != nil || response.StatusCode != http.StatusOK {
			t.Fatalf("signing in at %s: %v %v", asked[1], response, err)
		}
		_ = response.Body.Close()
	}
	if err := login.Wait(); err != nil {
		t.Fatalf("az login --use-device-code: %v: %s", err, heard.String())
	}
}

package registry_test

import (
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/secret"
)

// status is the HTTP status of a client's error, 0 if it had none.
func status(t *testing.T, err error) int {
	t.Helper()
	if err == nil {
		return http.StatusOK
	}
	var refused *transport.Error
	if !errors.As(err, &refused) {
		t.Fatalf("an error without a status: %v", err)
	}
	return refused.StatusCode
}

func TestRolesDecide(t *testing.T) {
	r := newRig(t)
	r.registry("")
	image := r.image(1000, 2)
	if err := r.push(r.as(r.admin.ObjectID), "app/web:1", image); err != nil {
		t.Fatal(err)
	}
	digest, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	const ok, no = http.StatusOK, http.StatusUnauthorized
	for _, c := range []struct {
		name                     string
		roles                    []string
		pull, push, list, remove int
	}{
		{"AcrPull", []string{acrPull}, ok, no, ok, no},
		{"Reader", []string{reader}, ok, no, ok, no},
		{"AcrPush", []string{acrPush}, ok, ok, ok, no},
		{"AcrDelete", []string{acrDelete}, no, no, no, ok},
		{"Owner", []string{owner}, ok, ok, ok, ok},
	} {
		t.Run(c.name, func(t *testing.T) {
			who := r.as(r.principal(c.roles...))
			// Something of its own to delete.
			if err := r.push(r.as(r.admin.ObjectID), "app/web:1", image); err != nil {
				t.Fatal(err)
			}
			if got := status(t, r.pull(who, "app/web:1")); got != c.pull {
				t.Errorf("pull: %d, want %d", got, c.pull)
			}
			if got := status(t, r.push(who, "app/"+strings.ToLower(c.name)+":1", r.image(100, 1))); got != c.push {
				t.Errorf("push: %d, want %d", got, c.push)
			}
			_, err := remote.List(r.tag("app/web:1").Repository, r.remote(who)...)
			if got := status(t, err); got != c.list {
				t.Errorf("list of tags: %d, want %d", got, c.list)
			}
			if got := status(t, remote.Delete(r.tag("app/web:1").Digest(digest.String()), r.remote(who)...)); got != c.remove {
				t.Errorf("delete: %d, want %d", got, c.remove)
			}
		})
	}
}

func TestWhoHasNoRightGetsNoRefreshToken(t *testing.T) {
	r := newRig(t)
	r.registry("")
	nobody := r.principal()
	if status, _ := r.exchange(nobody); status != http.StatusUnauthorized {
		t.Errorf("without a role: %d, want 401", status)
	}
	elsewhere := r.principal()
	r.call(http.MethodPut, strings.Replace(hub, "hubone", "hubtwo", 1), `{"location":"westus2","sku":{"name":"Basic"}}`)
	other, err := armid.Parse(strings.Replace(hub, "hubone", "hubtwo", 1))
	if err != nil {
		t.Fatal(err)
	}
	r.grant(elsewhere, acrPull, other, "")
	if status, _ := r.exchange(elsewhere); status != http.StatusUnauthorized {
		t.Errorf("with a role at another registry: %d, want 401", status)
	}
}

// Seed 001: the role can be given at the resource group of the hub as well.
func TestRoleOfTheResourceGroupCounts(t *testing.T) {
	r := newRig(t)
	r.registry("")
	who := r.principal()
	r.grant(who, acrPull, armid.ResourceGroup(subscription, "hub"), "")
	if status, _ := r.exchange(who); status != http.StatusOK {
		t.Errorf("exchange: %d, want 200", status)
	}
}

func TestRevokedMidwayIsRefusedWithEveryTokenThatWasGiven(t *testing.T) {
	r := newRig(t)
	r.registry("")
	if err := r.push(r.as(r.admin.ObjectID), "web:1", r.image(1000, 1)); err != nil {
		t.Fatal(err)
	}
	who := r.principal(acrPull)
	_, refresh := r.exchange(who)
	accessStatus, out := r.post("/oauth2/token", url.Values{"grant_type": {"refresh_token"}, "service": {loginServer}, "scope": {"repository:web:pull"}, "refresh_token": {refresh}})
	access, _ := out["access_token"].(string)
	if accessStatus != http.StatusOK || access == "" {
		t.Fatalf("access token: %d %v", accessStatus, out)
	}
	read := func() int {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+loginServer+"/v2/web/manifests/1", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+access)
		request.Header.Set("Accept", "application/vnd.docker.distribution.manifest.v2+json")
		status, _ := r.send(request)
		return status
	}
	if got := read(); got != http.StatusOK {
		t.Fatalf("with the role: %d", got)
	}
	r.revoke(who, acrPull)
	if got := read(); got != http.StatusUnauthorized {
		t.Errorf("with the access token after the role went: %d, want 401", got)
	}
	if got, _ := r.post("/oauth2/token", url.Values{"grant_type": {"refresh_token"}, "service": {loginServer}, "scope": {"repository:web:pull"}, "refresh_token": {refresh}}); got != http.StatusUnauthorized {
		t.Errorf("with the refresh token: %d, want 401", got)
	}
	if got, _ := r.exchange(who); got != http.StatusUnauthorized {
		t.Errorf("another exchange: %d, want 401", got)
	}
	r.grant(who, acrPull, r.hub(), "")
	if got := read(); got != http.StatusOK {
		t.Errorf("granted again: %d, want 200", got)
	}
}

func TestDeletedPrincipalIsRefused(t *testing.T) {
	r := newRig(t)
	r.registry("")
	who := r.principal(acrPull)
	_, refresh := r.exchange(who)
	if err := r.people.DeletePrincipal(t.Context(), who); err != nil {
		t.Fatal(err)
	}
	if got, _ := r.post("/oauth2/token", url.Values{"grant_type": {"refresh_token"}, "service": {loginServer}, "scope": {"repository:web:pull"}, "refresh_token": {refresh}}); got != http.StatusUnauthorized {
		t.Errorf("its refresh token: %d, want 401", got)
	}
}

func TestConditionsNameRepositories(t *testing.T) {
	r := newRig(t)
	r.registry(`"roleAssignmentMode":"AbacRepositoryPermissions","adminUserEnabled":true`)
	admin := r.adminUser("password")
	for _, repository := range []string{"team/web:1", "other:1"} {
		if err := r.push(admin, repository, r.image(100, 1)); err != nil {
			t.Fatal(err)
		}
	}
	scoped := r.principal()
	r.grant(scoped, repoReader, r.hub(), "((!(ActionMatches{'Microsoft.ContainerRegistry/registries/repositories/content/read'}) AND !(ActionMatches{'Microsoft.ContainerRegistry/registries/repositories/metadata/read'})) OR "+
		"(@Request[Microsoft.ContainerRegistry/registries/repositories:name] StringStartsWithIgnoreCase 'team/'))")
	who := r.as(scoped)
	if err := r.pull(who, "team/web:1"); err != nil {
		t.Errorf("its own repository: %v", err)
	}
	if got := status(t, r.pull(who, "other:1")); got != http.StatusUnauthorized {
		t.Errorf("another repository: %d, want 401", got)
	}
	// Roles of the registry as a whole don't count in this mode.
	if got, _ := r.exchange(r.principal(acrPull)); got != http.StatusUnauthorized {
		t.Errorf("AcrPull: %d, want 401", got)
	}
}

// adminUser are the credentials of the admin user, with one of its passwords.
func (r *rig) adminUser(password string) authn.Authenticator {
	r.Helper()
	list, _ := r.call(http.MethodPost, hub+"/listCredentials", "")["passwords"].([]any)
	for _, one := range list {
		if p := one.(map[string]any); p["name"] == password {
			return &authn.Basic{Username: "hubone", Password: p["value"].(string)}
		}
	}
	r.Fatalf("no %s among the admin user's", password)
	return nil
}

func TestAdminUser(t *testing.T) {
	r := newRig(t)
	r.registry(`"adminUserEnabled":true`)
	first, second := r.adminUser("password"), r.adminUser("password2")
	for _, who := range []authn.Authenticator{first, second} {
		if err := r.push(who, "web:1", r.image(100, 1)); err != nil {
			t.Fatal(err)
		}
	}
	r.call(http.MethodPost, hub+"/regenerateCredential", `{"name":"password"}`)
	if got := status(t, r.pull(first, "web:1")); got != http.StatusUnauthorized {
		t.Errorf("the password that was replaced: %d, want 401", got)
	}
	if err := r.pull(second, "web:1"); err != nil {
		t.Errorf("the other password: %v", err)
	}
	r.registry(`"adminUserEnabled":false`)
	if got := status(t, r.pull(second, "web:1")); got != http.StatusUnauthorized {
		t.Errorf("the admin user after it was disabled: %d, want 401", got)
	}
}

func TestApplicationSignsInWithItsSecret(t *testing.T) {
	r := newRig(t)
	r.registry("")
	who := r.principal(acrPush)
	made, err := r.people.AddSecret(t.Context(), who, "docker login", 0)
	if err != nil {
		t.Fatal(err)
	}
	principal, err := r.people.ByObjectID(t.Context(), who)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.push(&authn.Basic{Username: principal.AppID, Password: made.Value.Reveal()}, "web:1", r.image(100, 1)); err != nil {
		t.Error(err)
	}
	wrong := &authn.Basic{Username: principal.AppID, Password: secret.New("x" + made.Value.Reveal()).Reveal()}
	if got := status(t, r.pull(wrong, "web:1")); got != http.StatusUnauthorized {
		t.Errorf("with a wrong secret: %d, want 401", got)
	}
}

func TestAnonymousPull(t *testing.T) {
	r := newRig(t)
	r.registry("")
	if err := r.push(r.as(r.admin.ObjectID), "web:1", r.image(100, 1)); err != nil {
		t.Fatal(err)
	}
	if got := status(t, r.pull(authn.Anonymous, "web:1")); got != http.StatusUnauthorized {
		t.Errorf("where it isn't allowed: %d, want 401", got)
	}
	r.registry(`"anonymousPullEnabled":true`)
	if err := r.pull(authn.Anonymous, "web:1"); err != nil {
		t.Errorf("where it is allowed: %v", err)
	}
	if got := status(t, r.push(authn.Anonymous, "web:2", r.image(100, 1))); got != http.StatusUnauthorized {
		t.Errorf("push by nobody: %d, want 401", got)
	}
	_, err := remote.Catalog(t.Context(), r.tag("x:1").Registry, r.remote(authn.Anonymous)...)
	if got := status(t, err); got != http.StatusUnauthorized {
		t.Errorf("the catalog for nobody: %d, want 401", got)
	}
}

func TestNetworkRules(t *testing.T) {
	r := newRig(t)
	r.registry("")
	who := r.as(r.admin.ObjectID)
	if err := r.push(who, "web:1", r.image(100, 1)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, properties string
		want             int
	}{
		{"no public access", `"publicNetworkAccess":"Disabled"`, http.StatusForbidden},
		{"others denied", `"publicNetworkAccess":"Enabled","networkRuleSet":{"defaultAction":"Deny","ipRules":[{"action":"Allow","value":"198.51.100.0/24"}]}`, http.StatusForbidden},
		{"this one allowed", `"publicNetworkAccess":"Enabled","networkRuleSet":{"defaultAction":"Deny","ipRules":[{"action":"Allow","value":"127.0.0.1"}]}`, http.StatusOK},
	} {
		r.registry(c.properties)
		if got := status(t, r.pull(who, "web:1")); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

// Tokens and images belong to one registry, not to whoever has its name.
func TestNextRegistryOfTheNameIsAnother(t *testing.T) {
	r := newRig(t)
	r.registry("")
	who := r.as(r.admin.ObjectID)
	if err := r.push(who, "web:1", r.image(100, 1)); err != nil {
		t.Fatal(err)
	}
	r.call(http.MethodDelete, hub, "")
	if got := status(t, r.pull(who, "web:1")); got != http.StatusNotFound {
		t.Errorf("of a deleted registry: %d, want 404", got)
	}
	r.registry("")
	if got := status(t, r.pull(who, "web:1")); got != http.StatusUnauthorized {
		t.Errorf("with a token of the earlier one: %d, want 401", got)
	}
	if got := status(t, r.pull(r.as(r.admin.ObjectID), "web:1")); got != http.StatusNotFound {
		t.Errorf("an image of the earlier one: %d, want 404", got)
	}
	if err := r.service.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(r.folder, "hubone-*"))
	if err != nil || len(left) != 1 {
		t.Errorf("folders of images: %v (%v), want that of the second registry alone", left, err)
	}
}

func TestImagesOutliveTheService(t *testing.T) {
	r := newRig(t)
	r.registry("")
	who := r.as(r.admin.ObjectID)
	if err := r.push(who, "web:1", r.image(100, 1)); err != nil {
		t.Fatal(err)
	}
	r.serve()
	if err := r.pull(who, "web:1"); err != nil {
		t.Error(err)
	}
}

func TestHundredPullsAtATime(t *testing.T) {
	r := newRig(t)
	r.registry("")
	if err := r.push(r.as(r.admin.ObjectID), "web:1", r.image(64<<10, 4)); err != nil {
		t.Fatal(err)
	}
	who := r.as(r.principal(acrPull))
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			if err := r.pull(who, "web:1"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

func TestCatalog(t *testing.T) {
	r := newRig(t)
	r.registry("")
	for _, tag := range []string{"a:1", "b/c:1"} {
		if err := r.push(r.as(r.admin.ObjectID), tag, r.image(100, 1)); err != nil {
			t.Fatal(err)
		}
	}
	server, err := name.NewRegistry(loginServer)
	if err != nil {
		t.Fatal(err)
	}
	list, err := remote.Catalog(t.Context(), server, r.remote(r.as(r.principal(acrPull)))...)
	if err != nil || strings.Join(list, " ") != "a b/c" {
		t.Errorf("catalog: %v (%v)", list, err)
	}
}

func TestDataFolderIsPrivate(t *testing.T) {
	r := newRig(t)
	r.registry("")
	if err := r.push(r.as(r.admin.ObjectID), "web:1", r.image(100, 1)); err != nil {
		t.Fatal(err)
	}
	folders, err := filepath.Glob(filepath.Join(r.folder, "hubone-*"))
	if err != nil || len(folders) != 1 {
		t.Fatalf("folders: %v (%v)", folders, err)
	}
	if info, err := os.Stat(folders[0]); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%s has mode %v (%v), want 0700", folders[0], info.Mode(), err)
	}
}

//go:build e2e

package e2e_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/lanyard-project/lanyard/test/e2e/rig"
)

// TestRepositoriesWithAz shows, untags and deletes what a registry holds, with the real az, as whoever has the role and
// as an application that hasn't.
func TestRepositoriesWithAz(t *testing.T) {
	cloud := rig.Start(t)
	az := cloud.Az(t)
	az.Must(t, "group", "create", "--name", "rg", "--location", rig.Location)
	registry := az.Must(t, "acr", "create", "--resource-group", "rg", "--name", "heldregistry", "--sku", "Basic", "--query", "id", "--output", "tsv")
	token := exposed(t, az.Must(t, "acr", "login", "--name", "heldregistry", "--expose-token"))
	for _, tag := range []string{"team/pause:1", "team/pause:latest", "other:1"} {
		push(t, cloud, token, "heldregistry.azurecr.io/"+tag)
	}
	is := func(want string, args ...string) {
		t.Helper()
		if got := az.Must(t, append(args, "--name", "heldregistry", "--output", "tsv")...); got != want {
			t.Errorf("az %s: %q, want %q", strings.Join(args, " "), got, want)
		}
	}
	is("other\nteam/pause", "acr", "repository", "list")
	is("1\nlatest", "acr", "repository", "show-tags", "--repository", "team/pause")
	is("1\n2", "acr", "repository", "show", "--repository", "team/pause", "--query", "[manifestCount,tagCount]")
	digest := az.Must(t, "acr", "repository", "show", "--name", "heldregistry", "--image", "team/pause:1", "--query", "digest", "--output", "tsv")
	if !strings.HasPrefix(digest, "sha256:") {
		t.Errorf("the digest of an image is %q", digest)
	}
	is("amd64\nlinux", "acr", "repository", "show", "--image", "team/pause@"+digest, "--query", "[architecture,os]")
	var manifests []struct {
		Digest string
		Tags   []string
	}
	if err := json.Unmarshal([]byte(az.Must(t, "acr", "manifest", "list-metadata", "--registry", "heldregistry", "--name", "team/pause", "--output", "json")), &manifests); err != nil || len(manifests) != 1 || len(manifests[0].Tags) != 2 {
		t.Errorf("manifests: %v %v", manifests, err)
	}
	az.Must(t, "acr", "show-usage", "--name", "heldregistry")

	az.Must(t, "acr", "repository", "untag", "--name", "heldregistry", "--image", "team/pause:latest")
	is("1", "acr", "repository", "show-tags", "--repository", "team/pause")

	// Who may pull sees it all and deletes nothing; with AcrDelete as well it does.
	var made struct{ AppID, Password, Tenant string }
	if err := json.Unmarshal([]byte(az.Must(t, "ad", "sp", "create-for-rbac", "--name", "puller", "--role", "AcrPull", "--scopes", registry, "--output", "json")), &made); err != nil {
		t.Fatal(err)
	}
	puller := cloud.NewAz(t)
	puller.Must(t, "login", "--service-principal", "--username", made.AppID, "--password", made.Password, "--tenant", made.Tenant, "--allow-no-subscriptions")
	credentials := []string{"--name", "heldregistry", "--username", made.AppID, "--password", made.Password}
	if got := puller.Must(t, append([]string{"acr", "repository", "show-tags", "--repository", "team/pause", "--output", "tsv"}, credentials...)...); got != "1" {
		t.Errorf("who may pull sees the tags %q", got)
	}
	delete := append([]string{"acr", "repository", "delete", "--repository", "other", "--yes"}, credentials...)
	puller.Refused(t, delete...)
	az.Must(t, "role", "assignment", "create", "--role", "AcrDelete", "--assignee", made.AppID, "--scope", registry)
	puller.Must(t, delete...)
	is("team/pause", "acr", "repository", "list")
	az.Must(t, "role", "assignment", "delete", "--role", "AcrDelete", "--assignee", made.AppID, "--scope", registry)
	puller.Refused(t, append([]string{"acr", "repository", "delete", "--image", "team/pause:1", "--yes"}, credentials...)...)

	az.Must(t, "acr", "repository", "delete", "--name", "heldregistry", "--image", "team/pause:1", "--yes")
	if left := az.Must(t, "acr", "repository", "show-tags", "--name", "heldregistry", "--repository", "team/pause", "--output", "tsv"); left != "" {
		t.Errorf("tags of deleted images: %q", left)
	}
}

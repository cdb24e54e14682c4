package registry_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/authn"
)

// admins are the admin user's credentials.
func (r *rig) admins() authn.Authenticator {
	r.Helper()
	out := r.call(http.MethodPost, hub+"/listCredentials", "")
	return &authn.Basic{Username: "hubone", Password: out["passwords"].([]any)[0].(map[string]any)["value"].(string)}
}

// acr calls Azure's own interface with a user name and password.
func (r *rig) acr(who authn.Authenticator, method, path string) (int, map[string]any, http.Header) {
	r.Helper()
	request, err := http.NewRequestWithContext(r.Context(), method, "https://"+loginServer+path, http.NoBody)
	if err != nil {
		r.Fatal(err)
	}
	config, err := authn.Authorization(r.Context(), who)
	if err != nil {
		r.Fatal(err)
	}
	request.SetBasicAuth(config.Username, config.Password)
	response, err := r.client.Do(request)
	if err != nil {
		r.Fatal(err)
	}
	defer response.Body.Close()
	var out map[string]any
	if err := json.NewDecoder(response.Body).Decode(&out); err != nil && !errors.Is(err, io.EOF) {
		r.Fatalf("%s: %v", path, err)
	}
	return response.StatusCode, out, response.Header
}

// TestWhatARegistryHoldsIsShownAndRemoved goes the way of az acr repository.
func TestWhatARegistryHoldsIsShownAndRemoved(t *testing.T) {
	r := newRig(t)
	r.registry(`"adminUserEnabled":true`)
	who := r.admins()
	one, two := r.image(1000, 2), r.image(1000, 1)
	for _, err := range []error{r.push(who, "team/web:1", one), r.push(who, "team/web:latest", one), r.push(who, "team/web:2", two), r.push(who, "team/web/sub:1", two)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	first, err := one.Digest()
	if err != nil {
		t.Fatal(err)
	}
	get := func(path string) map[string]any {
		t.Helper()
		status, out, _ := r.acr(who, http.MethodGet, path)
		if status != http.StatusOK {
			t.Fatalf("%s: %d %v", path, status, out)
		}
		return out
	}
	if got := get("/acr/v1/_catalog"); !cmp.Equal(got["repositories"], []any{"team/web", "team/web/sub"}) {
		t.Errorf("repositories: %v", got)
	}
	if got := get("/acr/v1/team/web"); got["manifestCount"] != 2.0 || got["tagCount"] != 3.0 || got["imageName"] != "team/web" || got["registry"] != loginServer || got["createdTime"] == "" {
		t.Errorf("the repository: %v", got)
	}
	var names []any
	path := "/acr/v1/team/web/_tags?n=2"
	for pages := 0; path != "" && pages < 5; pages++ {
		_, out, header := r.acr(who, http.MethodGet, path)
		for _, tag := range out["tags"].([]any) {
			names = append(names, tag.(map[string]any)["name"])
		}
		path = ""
		if link := header.Get("Link"); link != "" {
			path = link[1:slices.Index([]byte(link), '>')]
		}
	}
	if diff := cmp.Diff([]any{"1", "2", "latest"}, names); diff != "" {
		t.Errorf("tags, page by page (-want +got):\n%s", diff)
	}
	if got := get("/acr/v1/team/web/_tags/latest")["tag"].(map[string]any); got["digest"] != first.String() || got["lastUpdateTime"] == "" || got["createdTime"] == "" {
		t.Errorf("the tag: %v", got)
	}
	manifest := get("/acr/v1/team/web/_manifests/" + first.String())["manifest"].(map[string]any)
	if !cmp.Equal(manifest["tags"], []any{"1", "latest"}) || manifest["imageSize"].(float64) < 2000 || manifest["mediaType"] == "" {
		t.Errorf("the manifest: %v", manifest)
	}
	if got := get("/acr/v1/team/web/_manifests?orderby=timedesc")["manifests"].([]any); len(got) != 2 {
		t.Errorf("manifests: %v", got)
	}

	if status, out, _ := r.acr(who, http.MethodDelete, "/acr/v1/team/web/_tags/latest"); status != http.StatusAccepted {
		t.Errorf("taking a tag away: %d %v", status, out)
	}
	if status, _, _ := r.acr(who, http.MethodGet, "/acr/v1/team/web/_tags/latest"); status != http.StatusNotFound {
		t.Errorf("a tag that was taken away: %d", status)
	}
	if err := r.pull(who, "team/web:1"); err != nil {
		t.Errorf("the image has another tag: %v", err)
	}
	status, out, _ := r.acr(who, http.MethodDelete, "/acr/v1/team/web")
	if status != http.StatusAccepted || len(out["manifestsDeleted"].([]any)) != 2 || len(out["tagsDeleted"].([]any)) != 2 {
		t.Errorf("removing the repository: %d %v", status, out)
	}
	if got := get("/acr/v1/_catalog"); !cmp.Equal(got["repositories"], []any{"team/web/sub"}) {
		t.Errorf("repositories that are left: %v", got)
	}
	if err := r.pull(who, "team/web:1"); err == nil {
		t.Error("an image of a removed repository can be pulled")
	}
	if err := r.pull(who, "team/web/sub:1"); err != nil {
		t.Errorf("a repository whose name begins with the removed one's: %v", err)
	}
	for path, want := range map[string]int{"/acr/v1/team/web": 404, "/acr/v1/nothing": 404, "/acr/v1/UPPER": 400, "/acr/v1/team/web/sub/_tags/no": 404, "/acr/v1/team/web/sub/_manifests/sha256:0": 404, "/acr/v1/_deleted/_catalog": 400, "/acr/v1/team/web/sub/_tags?n=-1": 400} {
		if status, out, _ := r.acr(who, http.MethodGet, path); status != want {
			t.Errorf("%s: %d, want %d: %v", path, status, want, out)
		}
	}
}

// TestRolesDecideAboutWhatARegistryHolds has each right granted and missing.
func TestRolesDecideAboutWhatARegistryHolds(t *testing.T) {
	r := newRig(t)
	r.registry(`"adminUserEnabled":true`)
	if err := r.push(r.admins(), "web:1", r.image(1000, 1)); err != nil {
		t.Fatal(err)
	}
	puller, deleter := r.as(r.principal(acrPull)), r.as(r.principal(acrDelete))
	stranger := &authn.Basic{}
	for _, c := range []struct {
		name   string
		who    authn.Authenticator
		method string
		want   int
	}{
		{"who may pull sees it", puller, http.MethodGet, http.StatusOK},
		{"who may pull doesn't delete it", puller, http.MethodDelete, http.StatusUnauthorized},
		{"who may delete doesn't see it", deleter, http.MethodGet, http.StatusUnauthorized},
		{"a stranger sees nothing", stranger, http.MethodGet, http.StatusUnauthorized},
		{"a stranger deletes nothing", stranger, http.MethodDelete, http.StatusUnauthorized},
		{"who may delete deletes it", deleter, http.MethodDelete, http.StatusAccepted},
	} {
		t.Run(c.name, func(t *testing.T) {
			scope := "metadata_read"
			if c.method == http.MethodDelete {
				scope = "delete"
			}
			if got := r.withToken(c.who, c.method, "/acr/v1/web", "repository:web:"+scope); got != c.want {
				t.Errorf("%d, want %d", got, c.want)
			}
		})
	}
}

// withToken calls with an access token of the scope, as az does; without a right to it
// there is none in the token.
func (r *rig) withToken(who authn.Authenticator, method, path, scope string) int {
	r.Helper()
	config, err := authn.Authorization(r.Context(), who)
	if err != nil {
		r.Fatal(err)
	}
	request, err := http.NewRequestWithContext(r.Context(), method, "https://"+loginServer+path, http.NoBody)
	if err != nil {
		r.Fatal(err)
	}
	if config.Password != "" {
		_, out := r.post("/oauth2/token", url.Values{"grant_type": {"refresh_token"}, "service": {loginServer}, "scope": {scope}, "refresh_token": {config.Password}})
		token, _ := out["access_token"].(string)
		request.Header.Set("Authorization", "Bearer "+token)
	}
	status, _ := r.send(request)
	return status
}

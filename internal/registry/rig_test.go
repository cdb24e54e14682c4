package registry_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/ops"
	"github.com/lanyard-project/lanyard/internal/arm/pipeline"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/directory"
	"github.com/lanyard-project/lanyard/internal/keys"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/providers/authorization"
	"github.com/lanyard-project/lanyard/internal/providers/containerregistry"
	"github.com/lanyard-project/lanyard/internal/providers/managedidentity"
	"github.com/lanyard-project/lanyard/internal/providers/shape"
	"github.com/lanyard-project/lanyard/internal/registry"
	"github.com/lanyard-project/lanyard/internal/seal"
	"github.com/lanyard-project/lanyard/internal/store/storetest"
	"github.com/lanyard-project/lanyard/internal/tokens"
)

// The cloud of these tests: real store, directory, roles, tokens and the real
// registry service behind TLS, called by go-containerregistry, which is crane's
// library, under the registry's own name.

const (
	tenant       = "aaaaaaaa-0000-0000-0000-000000000001"
	subscription = "bbbbbbbb-0000-0000-0000-000000000002"
	origin       = "https://localhost:8443"
	audience     = "https://management.azure.com/"
	loginServer  = "hubone.azurecr.io"

	owner      = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
	reader     = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
	acrPull    = "7f951dda-4ed3-4680-a7ca-43fe172d538d"
	acrPush    = "8311e382-0749-4cb8-b61a-304f252e45ec"
	acrDelete  = "c2f4ef07-c644-48eb-af81-4b1b4947fb11"
	repoReader = "b93aa761-3e63-49ed-ac28-beffa264f7ac"
)

type rig struct {
	*testing.T
	folder  string
	options registry.Options
	service *registry.Service
	client  *http.Client
	issuer  *tokens.Issuer
	people  *directory.Directory
	roles   *authorization.Provider
	arm     *pipeline.Pipeline
	engine  *ops.Engine
	admin   directory.ServicePrincipal
}

func newRig(t *testing.T) *rig {
	t.Helper()
	s, log, clk := storetest.New(t), slog.New(slog.DiscardHandler), clock.RealClock{}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	r := &rig{T: t, folder: t.TempDir()}
	box, err := seal.New(bytes.Repeat([]byte{7}, 32))
	must(err)
	ring, err := keys.Open(t.Context(), keys.Options{Store: s, Box: box, Clock: clk, Log: log})
	must(err)
	r.people, err = directory.Open(t.Context(), directory.Options{Store: s, Box: box, Clock: clk, Log: log})
	must(err)
	r.run(r.people.Run)
	_, first, err := r.people.EnsureFirstTenant(t.Context(), directory.FirstTenantOptions{TenantID: tenant, SubscriptionID: subscription})
	must(err)
	r.admin = first.ServicePrincipal
	r.issuer = tokens.NewIssuer(origin, ring, clk)

	kinds := providers.NewRegistry()
	r.engine = ops.New(ops.Options{Store: s, Registry: kinds, Clock: clk, Log: log})
	r.roles, err = authorization.New(authorization.Config{Store: s, Resources: r.engine, Principals: r.people, Log: log, Clock: clk, Registry: kinds})
	must(err)
	must(r.roles.Load(t.Context()))
	r.run(r.roles.Run)
	documents := containerregistry.New(containerregistry.Config{
		Deps: shape.Deps{Store: s, Resources: r.engine, Identities: managedidentity.Carrier{Directory: r.people, Resources: r.engine}}, Keys: shape.Keyring{Box: box},
	})
	must(kinds.Register(append(documents.Types(), r.roles.Types()...)...))
	group := &resource.Resource{ID: armid.Subscription(subscription)}
	must(group.SetInternal(map[string]string{"tenantId": tenant}))
	for _, one := range []*resource.Resource{group, {ID: armid.ResourceGroup(subscription, "hub"), Location: "westus2"}} {
		_, err := r.engine.Create(t.Context(), providers.Caller{}, one, nil)
		must(err)
	}
	r.grant(r.admin.ObjectID, owner, armid.Subscription(subscription), "")
	verifier := tokens.NewVerifier(origin, ring, clk)
	r.arm = pipeline.New(pipeline.Options{
		Registry: kinds, Engine: r.engine, Authorizer: r.roles, DefaultTenant: tenant, Clock: clk, Log: log,
		Authenticator: pipeline.TokenAuthenticator{Verifier: verifier, Audiences: []string{audience}},
	})
	r.options = registry.Options{
		Folder: r.folder, Registries: documents, Principals: r.people, Roles: r.roles, Verifier: verifier, Audiences: []string{audience}, Keys: ring, Clock: clk, Log: log,
	}
	r.serve()
	return r
}

// serve starts the registry service over the folder, as after a restart.
func (r *rig) serve() {
	r.Helper()
	var err error
	if r.service, err = registry.New(r.Context(), r.options); err != nil {
		r.Fatal(err)
	}
	service := r.service
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("X-Ms-Request-Id", req.URL.Path) // as the front names each request
		service.ServeHTTP(w, req)
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	r.Cleanup(server.Close)
	r.client = &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true, //nolint:gosec // the certificate is the test server's
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, server.Listener.Addr().String())
		},
	}}
	r.Cleanup(r.client.CloseIdleConnections)
}

func (r *rig) run(run func(context.Context) error) {
	r.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := run(ctx); err != nil && !errors.Is(err, context.Canceled) {
			r.Errorf("following the store: %v", err)
		}
	}()
	r.Cleanup(func() { cancel(); <-done })
}

// call is an ARM call of the administrator, which succeeds.
func (r *rig) call(method, path, body string) map[string]any {
	r.Helper()
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	answer := r.arm.Handle(r.Context(), pipeline.Call{
		Method: method, Path: path, Query: url.Values{"api-version": {"2023-07-01"}}, Origin: origin, Body: in,
		Header: http.Header{"Authorization": {"Bearer " + r.entra(r.admin.ObjectID, audience)}, "Content-Type": {"application/json"}},
	})
	if answer.Status/100 != 2 {
		r.Fatalf("%s %s: %d %v", method, path, answer.Status, answer.Body)
	}
	raw, err := json.Marshal(answer.Body)
	if err != nil {
		r.Fatal(err)
	}
	var out map[string]any
	_ = json.Unmarshal(raw, &out) // an empty answer
	return out
}

const hub = "/subscriptions/" + subscription + "/resourceGroups/hub/providers/Microsoft.ContainerRegistry/registries/hubone"

// registry makes hubone with further properties, `"adminUserEnabled":true`.
func (r *rig) registry(properties string) {
	r.Helper()
	r.call(http.MethodPut, hub, `{"location":"westus2","sku":{"name":"Premium"},"properties":{`+properties+`}}`)
}

func (r *rig) grant(principal, role string, scope armid.ID, condition string) *resource.Resource {
	r.Helper()
	if condition != "" {
		id := "/subscriptions/" + subscription + "/providers/Microsoft.Authorization/roleDefinitions/" + role
		body, err := json.Marshal(map[string]any{"properties": map[string]any{"roleDefinitionId": id, "principalId": principal, "principalType": "ServicePrincipal", "condition": condition, "conditionVersion": "2.0"}})
		if err != nil {
			r.Fatal(err)
		}
		answer := r.arm.Handle(r.Context(), pipeline.Call{
			Method: http.MethodPut, Path: scope.String() + "/providers/Microsoft.Authorization/roleAssignments/11111111-2222-3333-4444-555555555555",
			Query: url.Values{"api-version": {"2022-04-01"}}, Origin: origin, Body: bytes.NewReader(body),
			Header: http.Header{"Authorization": {"Bearer " + r.entra(r.admin.ObjectID, audience)}, "Content-Type": {"application/json"}},
		})
		if answer.Status/100 != 2 {
			r.Fatalf("granting with a condition: %d %v", answer.Status, answer.Body)
		}
		return nil
	}
	given, err := r.roles.Grant(r.Context(), authorization.Grant{Scope: scope, Role: role, PrincipalID: principal})
	if err != nil {
		r.Fatal(err)
	}
	return given
}

func (r *rig) revoke(principal, role string) {
	r.Helper()
	if err := r.roles.Revoke(r.Context(), authorization.Grant{Scope: r.hub(), Role: role, PrincipalID: principal}); err != nil {
		r.Fatal(err)
	}
}

func (r *rig) hub() armid.ID {
	r.Helper()
	id, err := armid.Parse(hub)
	if err != nil {
		r.Fatal(err)
	}
	return id
}

// principal is a new one, with roles at the registry.
func (r *rig) principal(roles ...string) string {
	r.Helper()
	made, err := r.people.CreateApplication(r.Context(), tenant, "tester")
	if err != nil {
		r.Fatal(err)
	}
	for _, role := range roles {
		r.grant(made.ObjectID, role, r.hub(), "")
	}
	return made.ObjectID
}

func (r *rig) entra(principal, audience string) string {
	r.Helper()
	token, err := r.issuer.Mint(tokens.Grant{Version: tokens.V1, TenantID: tenant, ObjectID: principal, AppID: "app-of-" + principal, Audience: audience, Lifetime: time.Hour})
	if err != nil {
		r.Fatal(err)
	}
	return token.Raw.Reveal()
}

// post sends a form to the registry and returns status and answer.
func (r *rig) post(path string, form url.Values) (int, map[string]any) {
	r.Helper()
	request, err := http.NewRequestWithContext(r.Context(), http.MethodPost, "https://"+loginServer+path, strings.NewReader(form.Encode()))
	if err != nil {
		r.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r.send(request)
}

func (r *rig) send(request *http.Request) (int, map[string]any) {
	r.Helper()
	response, err := r.client.Do(request)
	if err != nil {
		r.Fatal(err)
	}
	defer response.Body.Close()
	var out map[string]any
	if err := json.NewDecoder(response.Body).Decode(&out); err != nil && !errors.Is(err, io.EOF) {
		r.Fatalf("%s: %v", request.URL, err)
	}
	return response.StatusCode, out
}

// exchange is what az acr login does: an Entra token for a refresh token.
func (r *rig) exchange(principal string) (int, string) {
	r.Helper()
	status, out := r.post("/oauth2/exchange", url.Values{
		"grant_type": {"access_token"}, "service": {loginServer}, "tenant": {tenant}, "access_token": {r.entra(principal, audience)},
	})
	token, _ := out["refresh_token"].(string)
	return status, token
}

// as are the credentials of docker-style clients after az acr login.
func (r *rig) as(principal string) authn.Authenticator {
	r.Helper()
	status, token := r.exchange(principal)
	if status != http.StatusOK {
		r.Fatalf("exchanging the token of %s: %d", principal, status)
	}
	return &authn.Basic{Username: "00000000-0000-0000-0000-000000000000", Password: token}
}

func (r *rig) remote(who authn.Authenticator) []remote.Option {
	return []remote.Option{remote.WithTransport(r.client.Transport), remote.WithAuth(who), remote.WithContext(r.Context())}
}

func (r *rig) tag(text string) name.Tag {
	r.Helper()
	tag, err := name.NewTag(loginServer + "/" + text)
	if err != nil {
		r.Fatal(err)
	}
	return tag
}

func (r *rig) image(size int64, layers int64) v1.Image {
	r.Helper()
	made, err := random.Image(size, layers)
	if err != nil {
		r.Fatal(err)
	}
	return made
}

func (r *rig) push(who authn.Authenticator, tag string, image v1.Image) error {
	r.Helper()
	return remote.Write(r.tag(tag), image, r.remote(who)...)
}

// pull reads a whole image; go-containerregistry checks each digest.
func (r *rig) pull(who authn.Authenticator, tag string) error {
	r.Helper()
	image, err := remote.Image(r.tag(tag), r.remote(who)...)
	if err != nil {
		return err
	}
	layers, err := image.Layers()
	if err != nil {
		return err
	}
	for _, layer := range layers {
		content, err := layer.Compressed()
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, content)
		if err := errors.Join(err, content.Close()); err != nil {
			return err
		}
	}
	return nil
}

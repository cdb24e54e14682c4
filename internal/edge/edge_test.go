package edge_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/ops"
	"github.com/lanyard-project/lanyard/internal/arm/pipeline"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/edge"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/providers/resources"
	"github.com/lanyard-project/lanyard/internal/seal"
	"github.com/lanyard-project/lanyard/internal/store/storetest"
)

const (
	tenant       = "7e9f3a52-0000-4000-8000-000000000001"
	subscription = "5c1b0e9a-0000-4000-8000-000000000001"
)

// cloudUnderTest is a front on a loopback port over a real store.
type cloudUnderTest struct {
	origin string
	client *http.Client
	config cloud.Configuration
}

func newCloud(t *testing.T) *cloudUnderTest {
	t.Helper()
	s := storetest.New(t)
	log := slog.New(slog.DiscardHandler)
	registry := providers.NewRegistry()
	engine := ops.New(ops.Options{Store: s, Registry: registry, Clock: clock.RealClock{}, Log: log})
	if err := registry.Register(append(resources.New(engine, registry, clock.RealClock{}).RegistrationTakes(0).Types(), kites(), bombs())...); err != nil {
		t.Fatal(err)
	}
	if err := resources.EnsureSubscription(t.Context(), engine, providers.Caller{}, resources.Subscription{ID: subscription, TenantID: tenant, DisplayName: "test"}); err != nil {
		t.Fatal(err)
	}
	box, err := seal.New(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	authority, err := edge.OpenAuthority(t.TempDir(), box, clock.RealClock{})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cloudUnderTest{origin: "https://" + listener.Addr().String()}
	handler := edge.New(edge.Options{
		ARM: pipeline.New(pipeline.Options{
			Registry: registry, Engine: engine, Authenticator: everybody{}, Authorizer: everybody{}, DefaultTenant: tenant, Clock: clock.RealClock{}, Log: log,
		}),
		Entra:   http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "entra "+r.URL.Path) }),
		Origins: []string{c.origin, "https://168.63.129.16"}, TenantID: tenant, Clock: clock.RealClock{}, Log: log, BodyLimit: 1 << 16,
	})
	server := edge.Server(handler, log)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = engine.Run(ctx) }()
	go func() { _ = server.Serve(tls.NewListener(listener, authority.ServerConfig("localhost", "127.0.0.1"))) }()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority.PEM())
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}
	t.Cleanup(func() { transport.CloseIdleConnections(); _ = server.Close(); stop(); <-done })
	c.client = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	c.config = cloud.Configuration{
		ActiveDirectoryAuthorityHost: c.origin,
		Services:                     map[cloud.ServiceName]cloud.ServiceConfiguration{cloud.ResourceManager: {Endpoint: c.origin, Audience: c.origin}},
	}
	return c
}

// everybody may do everything; a token's text is the caller's name.
type everybody struct{}

func (everybody) Verify(_ context.Context, bearer string) (providers.Caller, error) {
	return providers.Caller{TenantID: tenant, ObjectID: bearer, AppID: bearer, Type: "Application"}, nil
}

func (everybody) Check(context.Context, providers.Caller, string, armid.ID) (bool, string) {
	return true, "test"
}

func (everybody) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: "sdk", ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// kites take a moment to make and to delete, and some fail.
func kites() *providers.Type {
	moment := func(ctx context.Context, r *providers.Run) error {
		current, err := r.Resource(ctx)
		if err != nil {
			return err
		}
		if strings.Contains(string(current.Properties), "storm") && current.ProvisioningState != resource.Deleting {
			return rest.NewError(http.StatusConflict, "KiteTorn", "The kite was torn.")
		}
		return nil
	}
	return &providers.Type{
		Namespace: "Toys.Test", Name: "kites", APIVersions: []string{"2024-01-01"}, Levels: providers.AtGroup, Tracked: true,
		Admit:  func(_ context.Context, r *providers.Request) error { return r.Start("fly", nil) },
		Remove: func(_ context.Context, r *providers.Request) error { return r.Start("land", nil) },
		Plans:  []providers.Plan{{Name: "fly", Steps: []providers.Step{{Name: "fly", Run: moment}}}, {Name: "land", Steps: []providers.Step{{Name: "land", Run: moment}}}},
	}
}

func bombs() *providers.Type {
	return &providers.Type{
		Namespace: "Toys.Test", Name: "bombs", APIVersions: []string{"2024-01-01"}, Levels: providers.AtGroup,
		Get: func(context.Context, *providers.Request) (*resource.Resource, error) { panic("boom") },
	}
}

func (c *cloudUnderTest) options() *arm.ClientOptions {
	return &arm.ClientOptions{ClientOptions: policy.ClientOptions{Cloud: c.config, Transport: c.client, Retry: policy.RetryOptions{MaxRetries: -1}}}
}

// get returns the response with its body, read.
func (c *cloudUnderTest) do(t *testing.T, method, path, body string, header ...string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, c.origin+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer me")
	request.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			request.Host = header[i+1]
		}
		request.Header.Set(header[i], header[i+1])
	}
	response, err := c.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(raw)
}

func TestHeadersOfEveryAnswer(t *testing.T) {
	c := newCloud(t)
	path := "/subscriptions/" + subscription + "/resourcegroups/g?api-version=2021-04-01"
	correlation := "11111111-2222-4333-8444-555555555555"
	r, body := c.do(t, "PUT", path, `{"location":"eastus"}`, "x-ms-correlation-request-id", correlation,
		"x-ms-client-request-id", "mine", "x-ms-return-client-request-id", "true")
	if r.StatusCode != http.StatusCreated {
		t.Fatal(body)
	}
	for name, want := range map[string]string{
		"Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-cache", "Pragma": "no-cache", "Expires": "-1",
		"X-Content-Type-Options": "nosniff", "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
		"X-Ms-Correlation-Request-Id": correlation, "X-Ms-Client-Request-Id": "mine", "X-Ms-Ratelimit-Remaining-Subscription-Writes": "1199",
	} {
		if got := r.Header.Get(name); got != want {
			t.Errorf("%s: %q in place of %q", name, got, want)
		}
	}
	routing := strings.Split(r.Header.Get("x-ms-routing-request-id"), ":")
	if len(routing) != 3 || routing[2] != r.Header.Get("x-ms-request-id") || len(routing[2]) != 36 {
		t.Error(routing)
	}
	r, _ = c.do(t, "GET", path, "")
	if r.Header.Get("x-ms-ratelimit-remaining-subscription-reads") != "11999" || r.Header.Get("x-ms-client-request-id") != "" {
		t.Error(r.Header)
	}
	r, body = c.do(t, "GET", path, "", "Authorization", "")
	if r.StatusCode != 401 || r.Header.Get("WWW-Authenticate") != `Bearer authorization_uri="`+c.origin+"/"+tenant+
		`", error="invalid_token", error_description="The authentication failed because of missing 'Authorization' header."` {
		t.Error(body, r.Header)
	}
}

func TestPathsThatNobodyShouldTrust(t *testing.T) {
	c := newCloud(t)
	for name, path := range map[string]string{
		"encoded slash": "/subscriptions/" + subscription + "%2FresourceGroups%2Fg", "encoded dots": "/subscriptions/%2e%2e/x",
		"backslash": `/subscriptions/a%5Cb`, "control": "/subscriptions/a%00b",
	} {
		r, body := c.do(t, "GET", path+"?api-version=2021-04-01", "")
		if r.StatusCode != 400 || !strings.Contains(body, "InvalidResourceId") {
			t.Errorf("%s: %d %s", name, r.StatusCode, body)
		}
	}
	big := `{"location":"eastus","tags":{"a":"` + strings.Repeat("x", 1<<17) + `"}}`
	if r, body := c.do(t, "PUT", "/subscriptions/"+subscription+"/resourcegroups/g?api-version=2021-04-01", big); r.StatusCode != 413 {
		t.Errorf("%d %s", r.StatusCode, body)
	}
}

func TestPanicIsOneRequestsFailure(t *testing.T) {
	c := newCloud(t)
	group := "/subscriptions/" + subscription + "/resourcegroups/g"
	c.do(t, "PUT", group+"?api-version=2021-04-01", `{"location":"eastus"}`)
	r, body := c.do(t, "GET", group+"/providers/Toys.Test/bombs/b?api-version=2024-01-01", "")
	if r.StatusCode != 500 || !strings.Contains(body, `"InternalServerError"`) || strings.Contains(body, "boom") || r.Header.Get("x-ms-request-id") == "" {
		t.Errorf("%d %s", r.StatusCode, body)
	}
	if r, body := c.do(t, "GET", "/healthz", ""); r.StatusCode != 200 || body != "ok\n" {
		t.Error(body)
	}
	if _, body := c.do(t, "GET", "/"+tenant+"/v2.0/.well-known/openid-configuration", ""); !strings.HasPrefix(body, "entra /"+tenant) {
		t.Error(body)
	}
}

func TestMetadataDocuments(t *testing.T) {
	c := newCloud(t)
	read := func(path string, into any, header ...string) {
		t.Helper()
		r, body := c.do(t, "GET", path, "", header...)
		if r.StatusCode != 200 {
			t.Fatalf("%s: %d %s", path, r.StatusCode, body)
		}
		if err := json.Unmarshal([]byte(body), into); err != nil {
			t.Fatal(err)
		}
	}
	type document struct {
		Name, ResourceManager, MicrosoftGraphResourceID, GraphEndpoint string
		Authentication                                                 struct {
			LoginEndpoint, IdentityProvider, Tenant string
			Audiences                               []string
		}
		Suffixes map[string]string
	}
	var one document
	read("/metadata/endpoints?api-version=2022-09-01", &one)
	if one.Authentication.LoginEndpoint != c.origin+"/" || one.ResourceManager != c.origin+"/" || one.Name == "" || one.Name == "AzureCloud" ||
		one.MicrosoftGraphResourceID == "" || one.Authentication.IdentityProvider != "AAD" || one.Suffixes["acrLoginServer"] == "" {
		t.Errorf("%+v", one)
	}
	var legacy document
	read("//metadata/endpoints?api-version=2015-01-01", &legacy)
	if legacy.Authentication.LoginEndpoint != c.origin+"/adfs" || legacy.Authentication.Audiences[0] != "https://management.core.windows.net/" || legacy.GraphEndpoint == "" {
		t.Errorf("%+v", legacy)
	}
	var many []document
	read("/metadata/endpoints?api-version=2019-05-01", &many)
	if len(many) != 1 || many[0].Authentication.LoginEndpoint != c.origin+"/adfs" {
		t.Errorf("%+v", many)
	}
	// A node knows us by the platform's address; a made-up name gets the default.
	read("/metadata/endpoints?api-version=2022-09-01", &one, "Host", "168.63.129.16")
	if one.ResourceManager != "https://168.63.129.16/" {
		t.Errorf("%+v", one)
	}
	read("/metadata/endpoints?api-version=2022-09-01", &one, "Host", "evil.example")
	if one.ResourceManager != c.origin+"/" {
		t.Errorf("%+v", one)
	}
	if r, body := c.do(t, "GET", "/metadata/endpoints", ""); r.StatusCode != 400 {
		t.Error(body)
	}
}

// az resource joins namespace and type with an empty parent between them.
func TestSlashesInARowAreOne(t *testing.T) {
	c := newCloud(t)
	id := "/subscriptions/" + subscription + "/resourcegroups/slashes"
	if r, body := c.do(t, "PUT", id+"?api-version=2021-04-01", `{"location":"eastus"}`, "Authorization", "Bearer az"); r.StatusCode != 201 {
		t.Fatalf("%d %s", r.StatusCode, body)
	}
	for _, path := range []string{"/" + id, strings.Replace(id, "/resourcegroups", "//resourcegroups", 1), strings.ReplaceAll(id, "/", "///")} {
		if r, body := c.do(t, "GET", path+"?api-version=2021-04-01", "", "Authorization", "Bearer az"); r.StatusCode != 200 {
			t.Errorf("%s: %d %s", path, r.StatusCode, body)
		}
	}
	// Encoded ones are a name's part, and no name has them.
	hidden := "//subscriptions/" + subscription + "/resourcegroups%2Fslashes"
	if r, body := c.do(t, "GET", hidden+"?api-version=2021-04-01", "", "Authorization", "Bearer az"); r.StatusCode == 200 && !strings.HasPrefix(body, "entra ") {
		t.Errorf("%s: %d %s", hidden, r.StatusCode, body)
	}
	hidden = strings.Replace(hidden, "//", "/", 1) + "//providers"
	if r, body := c.do(t, "GET", hidden+"?api-version=2021-04-01", "", "Authorization", "Bearer az"); r.StatusCode != 400 || !strings.Contains(body, "encoded slash") {
		t.Errorf("%s: %d %s", hidden, r.StatusCode, body)
	}
}

func ptr(s string) *string { return to.Ptr(s) }

package containerservice_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/containerservice/armcontainerservice/v6"
	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/pipeline"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/providers/authorization"
)

const (
	contributorRole        = "b24988ac-6180-42a0-ab88-20f7382dd24c"
	ownerRole              = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
	networkContributorRole = "4d97b98b-1d4f-4787-a291-c67834d212e7"
	operatorRole           = "f1a07417-d97a-45cb-824c-7a7467783830"
	zoneContributorRole    = "b12aa53e-6015-4669-85d0-8515ebb3ae7f"
	clusterContributorRole = "ed7f3fbd-7b88-4dd4-9017-9adb7ce333f8"
	guest                  = "00000000-0000-4000-8000-00000000000f"
)

// serve puts the real pipeline in front of the process. A bearer token is the object ID of its holder.
func (p *process) serve() *httptest.Server {
	p.t.Helper()
	pipe := pipeline.New(pipeline.Options{
		Registry: p.registry, Engine: p.engine, Authenticator: names{}, Authorizer: p.roles, DefaultTenant: tenant,
		Clock: clock.RealClock{}, Log: slog.New(slog.DiscardHandler),
	})
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := pipe.Handle(r.Context(), pipeline.Call{
			Method: r.Method, Path: r.URL.Path, Query: r.URL.Query(), Header: r.Header, Body: r.Body, Origin: "https://" + r.Host,
		})
		for name, values := range answer.Header {
			w.Header()[name] = values
		}
		w.Header().Del("Retry-After") // clients wait as long as the test tells them, not whole seconds
		w.WriteHeader(answer.Status)
		if answer.Body != nil {
			_ = json.NewEncoder(w).Encode(answer.Body)
		}
	}))
	p.t.Cleanup(server.Close)
	if _, err := p.roles.Grant(p.t.Context(), authorization.Grant{By: caller(), Scope: armid.Subscription(subscription), Role: ownerRole, PrincipalID: caller().ObjectID}); err != nil {
		p.t.Fatal(err)
	}
	return server
}

type names struct{}

func (names) Verify(_ context.Context, token string) (providers.Caller, error) {
	return providers.Caller{TenantID: tenant, ObjectID: token, AppID: token, Type: "Application"}, nil
}

type bearer string

func (b bearer) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: string(b)}, nil
}

func options(server *httptest.Server) *arm.ClientOptions {
	return &arm.ClientOptions{DisableRPRegistration: true, ClientOptions: policy.ClientOptions{
		Transport: server.Client(), Retry: policy.RetryOptions{MaxRetries: -1},
		Cloud: cloud.Configuration{Services: map[cloud.ServiceName]cloud.ServiceConfiguration{
			cloud.ResourceManager: {Endpoint: server.URL, Audience: "https://management.azure.com/"},
		}},
	}}
}

func newClient(t *testing.T, server *httptest.Server, as string) *armcontainerservice.ManagedClustersClient {
	t.Helper()
	client, err := armcontainerservice.NewManagedClustersClient(subscription, bearer(as), options(server))
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// TestSDK walks the official client through the life of a cluster.
func TestSDK(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	defer p.stop()
	server := p.serve()
	client := newClient(t, server, caller().ObjectID)
	ctx := t.Context()
	wait := &runtime.PollUntilDoneOptions{Frequency: 20 * time.Millisecond}

	creating, err := client.BeginCreateOrUpdate(ctx, "rg", "demo", armcontainerservice.ManagedCluster{
		Location: to.Ptr("West US 2"),
		Identity: &armcontainerservice.ManagedClusterIdentity{Type: to.Ptr(armcontainerservice.ResourceIdentityTypeSystemAssigned)},
		Properties: &armcontainerservice.ManagedClusterProperties{
			DNSPrefix:      to.Ptr("demo"),
			NetworkProfile: &armcontainerservice.NetworkProfile{NetworkPlugin: to.Ptr(armcontainerservice.NetworkPluginAzure)},
			AgentPoolProfiles: []*armcontainerservice.ManagedClusterAgentPoolProfile{{
				Name: to.Ptr("nodepool1"), Count: to.Ptr[int32](1), VMSize: to.Ptr("Standard_DS2_v2"), Mode: to.Ptr(armcontainerservice.AgentPoolModeSystem),
			}},
		},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	made, err := creating.PollUntilDone(ctx, wait)
	if err != nil {
		t.Fatal(err)
	}
	if made.Identity == nil || made.Identity.PrincipalID == nil || *made.Properties.ProvisioningState != "Succeeded" ||
		*made.Properties.NodeResourceGroup != "MC_rg_demo_westus2" || *made.Properties.ServicePrincipalProfile.ClientID != "msi" ||
		made.Properties.IdentityProfile["kubeletidentity"] == nil {
		t.Errorf("cluster %+v", made.ManagedCluster)
	}
	if *made.ID != "/subscriptions/"+subscription+"/resourcegroups/rg/providers/Microsoft.ContainerService/managedClusters/demo" ||
		*made.Type != "Microsoft.ContainerService/ManagedClusters" {
		t.Errorf("id %s, type %s", *made.ID, *made.Type)
	}
	credentials, err := client.ListClusterUserCredentials(ctx, "rg", "demo", nil)
	if err != nil || len(credentials.Kubeconfigs) != 1 || !strings.HasPrefix(string(credentials.Kubeconfigs[0].Value), "user of ") {
		t.Errorf("credentials %+v, %v", credentials, err)
	}
	pools, err := armcontainerservice.NewAgentPoolsClient(subscription, bearer(caller().ObjectID), options(server))
	if err != nil {
		t.Fatal(err)
	}
	if pool, err := pools.Get(ctx, "rg", "demo", "nodepool1", nil); err != nil || *pool.Properties.Count != 1 || *pool.Properties.ProvisioningState != "Succeeded" {
		t.Errorf("pool %+v, %v", pool, err)
	}
	if page, err := pools.NewListPager("rg", "demo", nil).NextPage(ctx); err != nil || len(page.Value) != 1 || *page.Value[0].Name != "nodepool1" {
		t.Errorf("pools %+v, %v", page, err)
	}
	tagging, err := client.BeginUpdateTags(ctx, "rg", "demo", armcontainerservice.TagsObject{Tags: map[string]*string{"a": to.Ptr("b")}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if tagged, err := tagging.PollUntilDone(ctx, wait); err != nil || *tagged.Tags["a"] != "b" || *tagged.Properties.NodeResourceGroup != "MC_rg_demo_westus2" {
		t.Errorf("tagged %+v, %v", tagged, err)
	}
	// What tools do: send the whole answer back with a change.
	again := made.ManagedCluster
	again.Properties.AgentPoolProfiles[0].Count = to.Ptr[int32](2)
	updating, err := client.BeginCreateOrUpdate(ctx, "rg", "demo", again, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := updating.PollUntilDone(ctx, wait); err != nil || len(w.nodes) != 2 {
		t.Errorf("scaled to %v, %v", keys(w.nodes), err)
	}
	if page, err := client.NewListPager(nil).NextPage(ctx); err != nil || len(page.Value) != 1 {
		t.Errorf("list %+v, %v", page, err)
	}
	deleting, err := client.BeginDelete(ctx, "rg", "demo", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := deleting.PollUntilDone(ctx, wait); err != nil {
		t.Error(err)
	}
	if _, err := client.Get(ctx, "rg", "demo", nil); code(err) != "ResourceNotFound" {
		t.Errorf("after deletion: %v", err)
	}
}

func code(err error) string {
	var answer *azcore.ResponseError
	if errors.As(err, &answer) {
		return answer.ErrorCode
	}
	return ""
}

// TestCallerNeedsRightsOnWhatTheClusterJoins refuses a caller who may make clusters but not join their subnet, or not
// assign their identity, until the right is granted.
func TestCallerNeedsRightsOnWhatTheClusterJoins(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	defer p.stop()
	server := p.serve()
	group := armid.ResourceGroup(subscription, "rg")
	vnet := group.Extension("Microsoft.Network", "virtualNetworks", "v")
	p.make(vnet.String(), `{"addressSpace":{"addressPrefixes":["10.240.0.0/16"]}}`)
	p.make(vnet.Child("subnets", "s").String(), `{"addressPrefix":"10.240.0.0/20"}`)
	brought := group.Extension("Microsoft.ManagedIdentity", "userAssignedIdentities", "own")
	if _, err := p.identities.Ensure(t.Context(), caller(), brought, "westus2", nil); err != nil {
		t.Fatal(err)
	}
	grant := func(role string, scope armid.ID) {
		t.Helper()
		if _, err := p.roles.Grant(t.Context(), authorization.Grant{By: caller(), Scope: scope, Role: role, PrincipalID: guest}); err != nil {
			t.Fatal(err)
		}
	}
	grant(clusterContributorRole, group)
	client := newClient(t, server, guest)
	create := func() (armcontainerservice.ManagedClustersClientCreateOrUpdateResponse, error) {
		poller, err := client.BeginCreateOrUpdate(t.Context(), "rg", "demo", armcontainerservice.ManagedCluster{
			Location: to.Ptr("westus2"),
			Identity: &armcontainerservice.ManagedClusterIdentity{
				Type:                   to.Ptr(armcontainerservice.ResourceIdentityTypeUserAssigned),
				UserAssignedIdentities: map[string]*armcontainerservice.ManagedServiceIdentityUserAssignedIdentitiesValue{brought.String(): {}},
			},
			Properties: &armcontainerservice.ManagedClusterProperties{AgentPoolProfiles: []*armcontainerservice.ManagedClusterAgentPoolProfile{{
				Name: to.Ptr("nodepool1"), Count: to.Ptr[int32](1), VMSize: to.Ptr("Standard_DS2_v2"), Mode: to.Ptr(armcontainerservice.AgentPoolModeSystem),
				VnetSubnetID: to.Ptr(vnet.Child("subnets", "s").String()),
			}}},
		}, nil)
		if err != nil {
			return armcontainerservice.ManagedClustersClientCreateOrUpdateResponse{}, err
		}
		return poller.PollUntilDone(t.Context(), &runtime.PollUntilDoneOptions{Frequency: 20 * time.Millisecond})
	}
	for _, step := range []struct {
		missing, role string
		scope         armid.ID
	}{
		{"Microsoft.Network/virtualNetworks/subnets/join/action", "4d97b98b-1d4f-4787-a291-c67834d212e7", vnet.Child("subnets", "s")},
		{"Microsoft.ManagedIdentity/userAssignedIdentities/assign/action", "f1a07417-d97a-45cb-824c-7a7467783830", brought},
	} {
		_, err := create()
		if code(err) != "LinkedAuthorizationFailed" || !strings.Contains(err.Error(), step.missing) {
			t.Fatalf("without %s: %v", step.missing, err)
		}
		grant(step.role, step.scope)
	}
	// The control plane's own rights come after the caller's.
	if _, err := create(); code(err) != "LinkedAuthorizationFailed" || !strings.Contains(err.Error(), "subnets/read") {
		t.Fatalf("without a grant of the control plane: %v", err)
	}
	is, err := resource.Read[map[string]string](p.get(brought))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.roles.Grant(t.Context(), authorization.Grant{By: caller(), Scope: vnet.Child("subnets", "s"), Role: networkContributorRole, PrincipalID: is["principalId"]}); err != nil {
		t.Fatal(err)
	}
	made, err := create()
	if err != nil {
		t.Fatal(err)
	}
	if made.Identity.PrincipalID != nil || len(made.Identity.UserAssignedIdentities) != 1 {
		t.Errorf("identity %+v", made.Identity)
	}
	for _, i := range made.Identity.UserAssignedIdentities {
		if i.PrincipalID == nil || i.ClientID == nil {
			t.Errorf("identity %+v", i)
		}
	}
	p.delete(clusterID("demo"))
	p.settle(clusterID("demo"))
	if p.get(brought) == nil {
		t.Error("the brought identity is gone")
	}
}

func statusOf(err error) int {
	var failed *azcore.ResponseError
	if errors.As(err, &failed) {
		return failed.StatusCode
	}
	return 0
}

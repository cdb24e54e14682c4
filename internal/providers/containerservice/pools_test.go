package containerservice_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/containerservice/armcontainerservice/v6"
	"github.com/google/go-cmp/cmp"

	"github.com/lanyard-project/lanyard/internal/arm/rest"
)

func quickly() *runtime.PollUntilDoneOptions {
	return &runtime.PollUntilDoneOptions{Frequency: 10 * time.Millisecond}
}

type poolClient struct {
	*armcontainerservice.AgentPoolsClient
	t *testing.T
}

func newPools(t *testing.T, p *process) poolClient {
	t.Helper()
	client, err := armcontainerservice.NewAgentPoolsClient(subscription, bearer(caller().ObjectID), options(p.serve()))
	if err != nil {
		t.Fatal(err)
	}
	return poolClient{client, t}
}

func (c poolClient) put(name string, properties armcontainerservice.ManagedClusterAgentPoolProfileProperties) (armcontainerservice.AgentPool, error) {
	poller, err := c.BeginCreateOrUpdate(c.t.Context(), "rg", "demo", name, armcontainerservice.AgentPool{Properties: &properties}, nil)
	if err != nil {
		return armcontainerservice.AgentPool{}, err
	}
	done, err := poller.PollUntilDone(c.t.Context(), quickly())
	return done.AgentPool, err
}

func (c poolClient) must(name string, properties armcontainerservice.ManagedClusterAgentPoolProfileProperties) armcontainerservice.AgentPool {
	c.t.Helper()
	pool, err := c.put(name, properties)
	if err != nil {
		c.t.Fatal(err)
	}
	return pool
}

// TestAgentPools is what az aks nodepool does: add, scale, upgrade of the node image, delete.
func TestAgentPools(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	defer p.stop()
	p.works("demo", simple)
	pools := newPools(t, p)
	ctx := t.Context()

	added := pools.must("apps", armcontainerservice.ManagedClusterAgentPoolProfileProperties{
		Count: to.Ptr[int32](1), NodeLabels: map[string]*string{"a": to.Ptr("b"), "c": to.Ptr("d")}, NodeTaints: []*string{to.Ptr("only=apps:NoSchedule")}, Tags: map[string]*string{"team": to.Ptr("x")},
	})
	if *added.Properties.Mode != armcontainerservice.AgentPoolModeUser || *added.Properties.ProvisioningState != "Succeeded" || *added.Properties.VMSize != "Standard_DS2_v2" {
		t.Errorf("added %+v", added.Properties)
	}
	apps := func() []string {
		var names []string
		for _, name := range keys(w.nodes) {
			if strings.HasPrefix(name, "aks-apps-") {
				names = append(names, name[len(name)-6:])
			}
		}
		return names
	}
	scale := func(to_ int32) []string {
		pools.must("apps", armcontainerservice.ManagedClusterAgentPoolProfileProperties{Count: to.Ptr(to_)})
		return apps()
	}
	if diff := cmp.Diff([]string{"000000", "000001", "000002"}, scale(3)); diff != "" {
		t.Errorf("scaled to 3: %s", diff)
	}
	w.calls = nil
	if diff := cmp.Diff([]string{"000000", "000001"}, scale(2)); diff != "" || count(w.calls, "DrainNode") != 1 {
		t.Errorf("scaled to 2: %s; calls %v", diff, w.calls)
	}
	if scale(0); len(apps()) != 0 || len(w.nodes) != 2 {
		t.Errorf("scaled to none: %v", keys(w.nodes))
	}
	scale(2)
	for _, name := range keys(w.nodes) {
		node := w.nodes[name]
		if ours := strings.HasPrefix(name, "aks-apps-"); (node.Labels["a"] == "b") != ours || (len(node.Taints) == 1) != ours {
			t.Errorf("node %s: labels %v, taints %v", name, node.Labels, node.Taints)
		}
	}
	changed := pools.must("apps", armcontainerservice.ManagedClusterAgentPoolProfileProperties{NodeLabels: map[string]*string{"a": to.Ptr("z")}})
	if diff := cmp.Diff(map[string]*string{"a": to.Ptr("z")}, changed.Properties.NodeLabels); diff != "" || *changed.Properties.Count != 2 {
		t.Errorf("labels are replaced as a whole: %s; count %d", diff, *changed.Properties.Count)
	}

	for name, tc := range map[string]struct {
		properties armcontainerservice.ManagedClusterAgentPoolProfileProperties
		pool, code string
	}{
		"the last system pool becomes a user pool": {armcontainerservice.ManagedClusterAgentPoolProfileProperties{Mode: to.Ptr(armcontainerservice.AgentPoolModeUser)}, "nodepool1", "MustDefineAtLeastOneSystemPool"},
		"a system pool without nodes":              {armcontainerservice.ManagedClusterAgentPoolProfileProperties{Count: to.Ptr[int32](0)}, "nodepool1", "InvalidParameter"},
		"another size":                             {armcontainerservice.ManagedClusterAgentPoolProfileProperties{VMSize: to.Ptr("Standard_B2s")}, "apps", "PropertyChangeNotAllowed"},
		"a bad name":                               {armcontainerservice.ManagedClusterAgentPoolProfileProperties{}, "Apps_1", "InvalidParameter"},
	} {
		if _, err := pools.put(tc.pool, tc.properties); code(err) != tc.code {
			t.Errorf("%s: %v", name, err)
		}
	}

	// A system pool more, and the first one can go.
	pools.must("apps", armcontainerservice.ManagedClusterAgentPoolProfileProperties{Mode: to.Ptr(armcontainerservice.AgentPoolModeSystem)})
	shown := func() string {
		t.Helper()
		page, err := pools.NewListPager("rg", "demo", nil).NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, pool := range page.Value {
			all = append(all, *pool.Name+" "+*pool.Properties.ProvisioningState)
		}
		return strings.Join(all, ", ")
	}
	hold := make(chan struct{})
	w.mu.Lock()
	w.fail = func(call string) error {
		if strings.HasPrefix(call, "DrainNode") {
			<-hold
		}
		return nil
	}
	w.mu.Unlock()
	deleting, err := pools.BeginDelete(ctx, "rg", "demo", "nodepool1", nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := shown(); got != "apps Succeeded, nodepool1 Deleting" {
		t.Errorf("while it is deleted: %s", got)
	}
	close(hold)
	if _, err := deleting.PollUntilDone(ctx, quickly()); err != nil || len(w.nodes) != 2 || w.allocations() != 4 {
		t.Errorf("after the deletion of the first pool: nodes %v, %d allocations, %v", keys(w.nodes), w.allocations(), err)
	}
	if got := shown(); got != "apps Succeeded" {
		t.Errorf("when it is gone: %s", got)
	}
	if _, err := pools.BeginDelete(ctx, "rg", "demo", "apps", nil); code(err) == "" {
		t.Error("the last pool could be deleted")
	}

	before := added.Properties.NodeImageVersion
	w.calls = nil
	upgrading, err := pools.BeginUpgradeNodeImageVersion(ctx, "rg", "demo", "apps", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := upgrading.PollUntilDone(ctx, quickly()); err != nil {
		t.Fatal(err)
	}
	after, err := pools.Get(ctx, "rg", "demo", "apps", nil)
	if err != nil || *after.Properties.NodeImageVersion == *before || count(w.calls, "DrainNode") != 3 || count(w.calls, "DeleteNode") != 3 || len(w.nodes) != 2 {
		t.Errorf("node image %s, was %s; nodes %v; calls %v; %v", *after.Properties.NodeImageVersion, *before, keys(w.nodes), w.calls, err)
	}
	profile, err := pools.GetUpgradeProfile(ctx, "rg", "demo", "apps", nil)
	if err != nil || *profile.Properties.LatestNodeImageVersion == *after.Properties.NodeImageVersion {
		t.Errorf("upgrade profile %+v, %v", profile.Properties, err)
	}
	p.provider.Rules.WithholdNodeImages = true
	w.calls = nil
	if again, err := pools.BeginUpgradeNodeImageVersion(ctx, "rg", "demo", "apps", nil); err != nil || !again.Done() || len(w.calls) != 0 {
		t.Errorf("without a newer image: %v, calls %v", err, w.calls)
	}
	versions, err := pools.GetAvailableAgentPoolVersions(ctx, "rg", "demo", nil)
	if err != nil || len(versions.Properties.AgentPoolVersions) != 1 || *versions.Properties.AgentPoolVersions[0].KubernetesVersion != "1.34.2" {
		t.Errorf("available versions %+v, %v", versions.Properties, err)
	}
	machines, err := armcontainerservice.NewMachinesClient(subscription, bearer(caller().ObjectID), options(p.serve()))
	if err != nil {
		t.Fatal(err)
	}
	page, err := machines.NewListPager("rg", "demo", "apps", nil).NextPage(ctx)
	if err != nil || len(page.Value) != 2 || *page.Value[0].Name != keys(w.nodes)[0] {
		t.Errorf("machines %+v, %v", page.Value, err)
	}
}

// TestUpgrade is az aks upgrade: the control plane first, then every pool, no minor version left out and never back.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.versions = []string{"1.33.8", "1.35.0", "1.36.0"}
	p := w.start()
	defer p.stop()
	c := p.works("demo", strings.Replace(simple, `"kubernetesVersion":""`, `"kubernetesVersion":"1.33"`, 1))
	if !strings.Contains(string(c.Properties), `"currentKubernetesVersion":"1.33.8"`) || !strings.Contains(string(c.Properties), `"kubernetesVersion":"1.33"`) {
		t.Fatalf("cluster %s", c.Properties)
	}
	principal := c.Identity.PrincipalID
	upgrade := func(controlPlane, pool string) error {
		_, _, err := p.put(clusterID("demo"), `{"location":"westus2","properties":{"kubernetesVersion":"`+controlPlane+`","agentPoolProfiles":[{"name":"nodepool1","mode":"System","count":2,"orchestratorVersion":"`+pool+`"}]}}`)
		p.settle(clusterID("demo"))
		return err
	}
	for _, refused := range []struct{ controlPlane, pool, code string }{
		{"1.35.0", "1.33.8", "OperationNotAllowed"},
		{"1.33.8", "1.34.2", "NodePoolMcVersionIncompatible"},
		{"1.32.1", "1.33.8", "K8sVersionNotSupported"},
	} {
		if err := upgrade(refused.controlPlane, refused.pool); !rest.HasCode(err, refused.code) {
			t.Errorf("%+v: %v", refused, err)
		}
	}
	w.calls = nil
	unavailable := false
	w.fail = func(string) error {
		// "During cluster upgrade operations, the managed identity is temporarily unavailable."
		unavailable = unavailable || p.provider.Unavailable(principal)
		return nil
	}
	if err := upgrade("1.34.2", "1.33.8"); err != nil || !unavailable || count(w.calls, "DrainNode") != 0 {
		t.Fatalf("control plane only: %v, calls %v", err, w.calls)
	}
	for end := time.Now().Add(patience); p.provider.Unavailable(principal) && time.Now().Before(end); { // it hears of the end just after the store
		time.Sleep(time.Millisecond)
	}
	if p.provider.Unavailable(principal) {
		t.Error("the control plane's identity is still unavailable")
	}
	for id, plane := range w.planes {
		if plane.KubernetesVersion != "1.34.2" {
			t.Errorf("control plane %s has %s", id, plane.KubernetesVersion)
		}
	}
	if err := upgrade("1.34.2", "1.34.2"); err != nil || count(w.calls, "DrainNode") != 3 {
		t.Fatalf("pools: %v, calls %v", err, w.calls)
	}
	for name, node := range w.nodes {
		if node.KubernetesVersion != "1.34.2" {
			t.Errorf("node %s has %s", name, node.KubernetesVersion)
		}
	}
	if err := upgrade("1.33.8", "1.34.2"); !rest.HasCode(err, "OperationNotAllowed") || !strings.Contains(err.Error(), "Available upgrades: [1.35.0]") {
		t.Errorf("back: %v", err)
	}

	client := newClient(t, p.serve(), caller().ObjectID)
	profile, err := client.GetUpgradeProfile(t.Context(), "rg", "demo", nil)
	if err != nil || *profile.Properties.ControlPlaneProfile.KubernetesVersion != "1.34.2" || len(profile.Properties.ControlPlaneProfile.Upgrades) != 1 {
		t.Errorf("upgrade profile %+v, %v", profile.Properties, err)
	}
	offered, err := client.ListKubernetesVersions(t.Context(), "westus2", nil)
	if err != nil || len(offered.Values) != 4 || !*offered.Values[1].IsDefault || *offered.Values[0].PatchVersions["1.33.8"].Upgrades[0] != "1.34.2" {
		t.Errorf("versions %+v, %v", offered.Values, err)
	}
}

// TestETag: a client that has read an older state can't write over a newer one.
func TestETag(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	defer p.stop()
	client := newClient(t, p.serve(), caller().ObjectID)
	body := armcontainerservice.ManagedCluster{Location: to.Ptr("westus2"), Identity: &armcontainerservice.ManagedClusterIdentity{Type: to.Ptr(armcontainerservice.ResourceIdentityTypeSystemAssigned)},
		Properties: &armcontainerservice.ManagedClusterProperties{AgentPoolProfiles: []*armcontainerservice.ManagedClusterAgentPoolProfile{{Name: to.Ptr("p"), Count: to.Ptr[int32](1), Mode: to.Ptr(armcontainerservice.AgentPoolModeSystem)}}}}
	put := func(match, none *string) (armcontainerservice.ManagedCluster, error) {
		poller, err := client.BeginCreateOrUpdate(t.Context(), "rg", "demo", body, &armcontainerservice.ManagedClustersClientBeginCreateOrUpdateOptions{IfMatch: match, IfNoneMatch: none})
		if err != nil {
			return armcontainerservice.ManagedCluster{}, err
		}
		done, err := poller.PollUntilDone(t.Context(), quickly())
		return done.ManagedCluster, err
	}
	made, err := put(nil, to.Ptr("*"))
	if err != nil || made.ETag == nil {
		t.Fatalf("%+v %v", made, err)
	}
	if _, err := put(nil, to.Ptr("*")); statusOf(err) != http.StatusConflict || code(err) != "EtagMismatch" {
		t.Errorf("made twice: %v", err)
	}
	newer, err := put(made.ETag, nil)
	if err != nil || *newer.ETag == *made.ETag {
		t.Fatalf("with the current tag: %v", err)
	}
	if _, err := put(made.ETag, nil); statusOf(err) != http.StatusConflict || code(err) != "EtagMismatch" {
		t.Errorf("with an old tag: %v", err)
	}
}

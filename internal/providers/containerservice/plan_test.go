package containerservice_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
)

const simple = `{"location":"westus2","identity":{"type":"SystemAssigned"},"tags":{"team":"a"},
	"properties":{"kubernetesVersion":"","dnsPrefix":"demo","agentPoolProfiles":[{"name":"nodepool1","count":2,"vmSize":"Standard_DS2_v2","mode":"System"}],"networkProfile":{"networkPlugin":"azure"}}}`

func TestCreateAndDelete(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	empty := w.snapshot()
	p := w.start()
	defer p.stop()

	outcome, r, err := p.put(clusterID("demo"), simple)
	if err != nil {
		t.Fatal(err)
	}
	if got := outcome.Resource; got.Identity.PrincipalID == "" || got.Identity.TenantID != tenant || got.ProvisioningState != "Creating" {
		t.Errorf("first answer: %+v, state %s", got.Identity, got.ProvisioningState)
	}
	if len(r.Linked) != 0 {
		t.Errorf("linked scopes %v for a cluster that brings nothing", r.Linked)
	}
	if strings.Contains(string(outcome.Resource.Properties), "identityProfile") {
		t.Error("the kubelet identity is shown before it exists")
	}
	p.settle(clusterID("demo"))

	c := p.get(clusterID("demo"))
	if c.ProvisioningState != resource.Succeeded {
		t.Fatalf("state %s, calls %v", c.ProvisioningState, w.calls)
	}
	type facts struct {
		NodeResourceGroup       string
		ServicePrincipalProfile map[string]string
		IdentityProfile         map[string]map[string]string
		AgentPoolProfiles       []struct {
			Name, ProvisioningState, OrchestratorVersion string
			Count, MaxPods                               int
		}
	}
	got, err := resource.Read[facts](c)
	if err != nil {
		t.Fatal(err)
	}
	made, err := p.engine.List(t.Context(), armid.Root(), "Microsoft.ManagedIdentity/userAssignedIdentities")
	if err != nil || len(made) != 1 {
		t.Fatal(made, err)
	}
	kubelet, err := resource.Read[map[string]string](made[0])
	if err != nil {
		t.Fatal(err)
	}
	want := facts{
		NodeResourceGroup:       "MC_rg_demo_westus2",
		ServicePrincipalProfile: map[string]string{"clientId": "msi"},
		IdentityProfile: map[string]map[string]string{"kubeletidentity": {
			"resourceId": "/subscriptions/" + subscription + "/resourcegroups/MC_rg_demo_westus2/providers/Microsoft.ManagedIdentity/userAssignedIdentities/demo-agentpool",
			"clientId":   kubelet["clientId"], "objectId": kubelet["principalId"],
		}},
	}
	want.AgentPoolProfiles = append(want.AgentPoolProfiles, struct {
		Name, ProvisioningState, OrchestratorVersion string
		Count, MaxPods                               int
	}{"nodepool1", "Succeeded", "1.34.2", 2, 30})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("cluster (-want +got):\n%s", diff)
	}
	set := p.get(armid.ResourceGroup(subscription, got.NodeResourceGroup).Extension("Microsoft.Compute", "virtualMachineScaleSets", strings.TrimSuffix(keys(w.nodes)[0], "000000")))
	if set == nil || set.Tags["aks-managed-poolName"] != "nodepool1" || len(set.Identity.Keys()) != 1 {
		t.Fatalf("scale set %+v", set)
	}
	node := w.nodes[keys(w.nodes)[0]]
	if !strings.HasSuffix(node.ProviderID, "/virtualMachines/0") || !strings.HasPrefix(node.ProviderID, "azure:///subscriptions/") {
		t.Errorf("provider ID %s", node.ProviderID)
	}
	if !strings.Contains(string(node.AzureJSON), `"userAssignedIdentityID": "`+kubelet["clientId"]+`"`) {
		t.Errorf("azure.json %s", node.AzureJSON)
	}

	group := armid.ResourceGroup(subscription, got.NodeResourceGroup)
	if allowed, _ := p.roles.Check(t.Context(), providers.Caller{ObjectID: c.Identity.PrincipalID}, "Microsoft.Network/loadBalancers/write", group); !allowed {
		t.Error("the control plane may not work in its node resource group")
	}
	vnet := group.Extension("Microsoft.Network", "virtualNetworks", "aks-vnet-"+strings.Split(keys(w.nodes)[0], "-")[2])
	if m, ok := p.machines.MachineAt(vnet, node.Address); !ok || m.ComputerName != node.Name || len(m.User) != 1 || m.User[0].ClientID != kubelet["clientId"] {
		t.Errorf("the machine at %s of %s: %+v, %v", node.Address, vnet, m, ok)
	}

	p.delete(clusterID("demo"))
	p.settle(clusterID("demo"))
	if diff := cmp.Diff(empty, w.snapshot()); diff != "" {
		t.Errorf("left behind (-before +after):\n%s", diff)
	}
}

func TestScaleAndPools(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	defer p.stop()
	p.create("demo", simple)
	first, principal := keys(w.nodes), p.get(clusterID("demo")).Identity.PrincipalID
	body := func(pools string) string {
		return `{"location":"westus2","properties":{"agentPoolProfiles":[` + pools + `]}}`
	}
	for _, step := range []struct {
		pools string
		nodes int
	}{
		{`{"name":"nodepool1","count":3,"mode":"System"}`, 3},
		{`{"name":"nodepool1","count":1,"mode":"System"}`, 1},
		{`{"name":"nodepool1","count":2,"mode":"System"},{"name":"apps","count":2,"mode":"User","nodeLabels":{"a":"b"},"nodeTaints":["only=apps:NoSchedule"]}`, 4},
		{`{"name":"nodepool1","count":2,"mode":"System"}`, 2},
	} {
		c := p.create("demo", body(step.pools))
		if c.ProvisioningState != resource.Succeeded || len(w.nodes) != step.nodes {
			t.Fatalf("%s: state %s, nodes %v", step.pools, c.ProvisioningState, keys(w.nodes))
		}
		instances, err := p.engine.List(t.Context(), armid.ResourceGroup(subscription, "MC_rg_demo_westus2"), "Microsoft.Compute/virtualMachineScaleSets/virtualMachines")
		if err != nil || len(instances) != step.nodes || w.allocations() != 2*step.nodes {
			t.Fatalf("%s: %d virtual machines, %d allocations, %v", step.pools, len(instances), w.allocations(), err)
		}
	}
	if now := keys(w.nodes); now[0] != first[0] || now[1] == first[1] {
		t.Errorf("nodes %v then %v: the first is to stay, a number isn't to be used twice", first, now)
	}
	if p.get(clusterID("demo")).Identity.PrincipalID != principal {
		t.Error("an update without identity lost it")
	}
}

func TestIdentitiesOfOthersStayOnScaleSets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	defer p.stop()
	p.create("demo", simple)
	sets, err := p.engine.List(t.Context(), armid.Root(), "Microsoft.Compute/virtualMachineScaleSets")
	if err != nil || len(sets) != 1 {
		t.Fatal(sets, err)
	}
	other := armid.MustParse("/subscriptions/" + subscription + "/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/app")
	if _, err := p.engine.Update(t.Context(), sets[0].ID, func(r *resource.Resource) error {
		kubelet := armid.MustParse(r.Identity.Keys()[0])
		r.Identity.Unassign(kubelet)
		r.Identity.Assign(other, resource.UserAssignedIdentity{ClientID: "c", PrincipalID: "p"})
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	p.create("demo", simple)
	if ids := p.get(sets[0].ID).Identity.Keys(); len(ids) != 2 {
		t.Errorf("identities on the scale set: %v", ids)
	}
}

func TestBroughtNetworkIsSharedAndKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	defer p.stop()
	const vnet = "/subscriptions/" + subscription + "/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/v"
	p.make(vnet, `{"addressSpace":{"addressPrefixes":["10.240.0.0/16"]}}`)
	p.make(vnet+"/subnets/s", `{"addressPrefix":"10.240.0.0/20"}`)
	body := strings.Replace(simple, `"mode":"System"`, `"mode":"System","vnetSubnetID":"`+vnet+`/subnets/s"`, 1)
	_, r, err := p.put(clusterID("a"), body)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Linked) != 1 || r.Linked[0].Action != "Microsoft.Network/virtualNetworks/subnets/join/action" {
		t.Errorf("linked: %v", r.Linked)
	}
	p.create("b", strings.Replace(body, `"dnsPrefix":"demo"`, `"dnsPrefix":"other"`, 1))
	p.settle(clusterID("a"))
	if len(w.nodes) != 4 || len(w.vnets) != 1 {
		t.Fatalf("nodes %v, networks %v", keys(w.nodes), keys(w.vnets))
	}
	p.delete(clusterID("a"))
	p.settle(clusterID("a"))
	if len(w.vnets) != 1 || len(w.served) != 1 || len(w.nodes) != 2 {
		t.Errorf("after the first: networks %v, served %v, nodes %v", w.vnets, w.served, keys(w.nodes))
	}
	p.delete(clusterID("b"))
	p.settle(clusterID("b"))
	if len(w.vnets) != 0 || len(w.served) != 0 || w.allocations() != 0 {
		t.Errorf("after both: networks %v, served %v, %d allocations", w.vnets, w.served, w.allocations())
	}
	if p.get(armid.MustParse(vnet)) == nil {
		t.Error("the brought network is gone")
	}
}

func TestKubenetGivesPodsTheirOwnRange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	defer p.stop()
	p.create("demo", strings.Replace(simple, `"networkPlugin":"azure"`, `"networkPlugin":"kubenet"`, 1))
	var pods []string
	for _, name := range keys(w.nodes) {
		pods = append(pods, w.nodes[name].PodAddresses.String())
	}
	if diff := cmp.Diff([]string{"10.244.0.0/24", "10.244.1.0/24"}, pods); diff != "" {
		t.Errorf("pod ranges (-want +got):\n%s", diff)
	}
}

func TestFailedStep(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	defer p.stop()
	w.fail = func(call string) error {
		if call == "identities.Ensure" {
			return &rest.Error{Status: 409, Code: "ScopeLocked", Message: "The scope is locked."}
		}
		return nil
	}
	outcome, _, err := p.put(clusterID("demo"), simple)
	if err != nil {
		t.Fatal(err)
	}
	p.settle(clusterID("demo"))
	record, err := p.engine.Operation(t.Context(), outcome.Operation.ID)
	if err != nil {
		t.Fatal(err)
	}
	if record.State != "Failed" || record.Error == nil || record.Error.Code != "ReconcileKubeletIdentityError" || record.Error.Message != "The scope is locked." {
		t.Errorf("operation %+v", record)
	}
	c := p.get(clusterID("demo"))
	if c.ProvisioningState != "Failed" || !strings.Contains(string(c.Properties), `"provisioningState":"Failed"`) {
		t.Errorf("cluster %s %s", c.ProvisioningState, c.Properties)
	}
	w.mu.Lock()
	w.fail = nil
	w.mu.Unlock()
	if c := p.create("demo", simple); c.ProvisioningState != "Succeeded" {
		t.Errorf("sent again: %s", c.ProvisioningState)
	}
}

func TestTransientFailureIsTriedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	defer p.stop()
	failures := 0
	w.fail = func(call string) error {
		if call == "EnsureControlPlane" && failures < 2 {
			failures++
			return errors.New("not yet")
		}
		return nil
	}
	if c := p.create("demo", simple); c.ProvisioningState != "Succeeded" || failures != 2 {
		t.Errorf("state %s after %d failures", c.ProvisioningState, failures)
	}
}

func TestStepIsGivenUpUnderItsOwnCode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	moved := clocktesting.NewFakeClock(time.Now())
	w.clock = moved
	w.fail = func(call string) error {
		if call == "EnsureControlPlane" {
			return errors.New("kube-apiserver's key is in /secret/place")
		}
		return nil
	}
	p := w.start()
	defer p.stop()
	outcome, _, err := p.put(clusterID("demo"), simple)
	if err != nil {
		t.Fatal(err)
	}
	for p.get(clusterID("demo")).Busy() {
		if moved.HasWaiters() { // only waiting takes time
			moved.Step(5 * time.Second)
		}
		time.Sleep(2 * time.Millisecond)
	}
	record, err := p.engine.Operation(t.Context(), outcome.Operation.ID)
	if err != nil {
		t.Fatal(err)
	}
	if record.Error == nil || record.Error.Code != "ReconcileControlPlaneError" || strings.Contains(record.Error.Message, "secret") {
		t.Errorf("operation %+v", record)
	}
	p.stop()
	w.clock = nil
	p = w.start()
	defer p.stop()
	p.delete(clusterID("demo"))
	p.settle(clusterID("demo"))
	if p.get(clusterID("demo")) != nil || len(w.vnets) != 0 {
		t.Error("a cluster whose control plane never worked can't be deleted")
	}
}

func TestRelayPortIsKeptOverRestarts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	p.create("demo", simple)
	before := kubeconfig(t, p, "listClusterUserCredential")
	p.stop()
	p = w.start()
	defer p.stop()
	if err := p.provider.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	if after := kubeconfig(t, p, "listClusterUserCredential"); after != before {
		t.Errorf("kubeconfig %q, then %q", before, after)
	}
	if admin := kubeconfig(t, p, "listClusterAdminCredential"); !strings.HasPrefix(admin, "clusterAdmin: admin of ") {
		t.Error(admin)
	}
	// whoever may only ask for this one is no administrator
	if monitor := kubeconfig(t, p, "listClusterMonitoringUserCredential"); !strings.HasPrefix(monitor, "clusterMonitoringUser: monitor of ") {
		t.Error(monitor)
	}
}

func kubeconfig(t *testing.T, p *process, action string) string {
	t.Helper()
	response := p.act(clusterID("demo"), action)
	var body struct {
		Kubeconfigs []struct {
			Name  string
			Value []byte
		}
	}
	p.decode(response, &body)
	return fmt.Sprintf("%s: %s", body.Kubeconfigs[0].Name, body.Kubeconfigs[0].Value)
}

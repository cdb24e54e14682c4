package containerservice_test

import (
	"strings"
	"testing"
	"time"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/providers/authorization"
	"github.com/lanyard-project/lanyard/internal/providers/containerservice"
)

// identity makes a user-assigned identity and returns its ID and its principal.
func (p *process) identity(name string) (id, principal string) {
	p.t.Helper()
	made, err := p.identities.Ensure(p.t.Context(), caller(), clusterID("x").ResourceGroupID().Extension("Microsoft.ManagedIdentity", "userAssignedIdentities", name), "westus2", nil)
	if err != nil {
		p.t.Fatal(err)
	}
	is, err := resource.Read[map[string]string](made)
	if err != nil {
		p.t.Fatal(err)
	}
	return made.ID.String(), is["principalId"]
}

func (p *process) grant(role, scope, principal string) {
	p.t.Helper()
	if _, err := p.roles.Grant(p.t.Context(), authorization.Grant{By: caller(), Scope: armid.MustParse(scope), Role: role, PrincipalID: principal}); err != nil {
		p.t.Fatal(err)
	}
}

// works is a put that has to succeed.
func (p *process) works(name, body string) *resource.Resource {
	p.t.Helper()
	c := p.create(name, body)
	if c.ProvisioningState != resource.Succeeded {
		p.t.Fatalf("%s: state %s, calls %v", body, c.ProvisioningState, p.calls)
	}
	return c
}

func (p *process) contributes(principal string) bool {
	allowed, _ := p.roles.Check(p.t.Context(), providers.Caller{ObjectID: principal}, "Microsoft.Network/loadBalancers/write", armid.ResourceGroup(subscription, "MC_rg_demo_westus2"))
	return allowed
}

func userAssigned(id string) string {
	return `{"location":"westus2","identity":{"type":"UserAssigned","userAssignedIdentities":{"` + id + `":{}}}}`
}

// TestControlPlaneIdentityChanges: system to user, user A to B, and back; the one that was loses its role.
func TestControlPlaneIdentityChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	defer p.stop()
	a, aPrincipal := p.identity("a")
	b, bPrincipal := p.identity("b")
	system := p.works("demo", simple).Identity.PrincipalID
	if !p.contributes(system) {
		t.Fatal("the system-assigned identity has no role")
	}
	p.works("demo", userAssigned(a))
	if p.contributes(system) || !p.contributes(aPrincipal) {
		t.Error("after system to user: the roles are wrong")
	}
	if _, err := p.directory.ByObjectID(t.Context(), system); err == nil {
		t.Error("the system-assigned principal is still there")
	}
	p.works("demo", userAssigned(b))
	if p.contributes(aPrincipal) || !p.contributes(bPrincipal) {
		t.Error("after user A to B: the roles are wrong")
	}
	c := p.works("demo", `{"location":"westus2","identity":{"type":"SystemAssigned"}}`)
	if p.contributes(bPrincipal) || !p.contributes(c.Identity.PrincipalID) || c.Identity.PrincipalID == system {
		t.Errorf("after user to system: principal %s, was %s", c.Identity.PrincipalID, system)
	}
	if len(w.nodes) != 2 || count(w.calls, "DeleteNode") != 0 {
		t.Error("a change of the control plane's identity touched the nodes")
	}
	// What tools do: send back what they read.
	p.works("demo", `{"location":"westus2","identity":{"type":"SystemAssigned","principalId":"`+c.Identity.PrincipalID+`","tenantId":"`+tenant+`"},"properties":`+string(c.Properties)+`}`)
}

func count(calls []string, name string) int {
	n := 0
	for _, c := range calls {
		if strings.HasPrefix(c, name) {
			n++
		}
	}
	return n
}

// TestKubeletIdentityChangeRollsEveryPool: every node is drained and made anew, on the next node image, with the new
// identity; the old one leaves the scale sets.
func TestKubeletIdentityChangeRollsEveryPool(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	defer p.stop()
	plane, planePrincipal := p.identity("plane")
	kubelet, _ := p.identity("kubelet")
	two := strings.Replace(simple, `"agentPoolProfiles":[`, `"agentPoolProfiles":[{"name":"apps","count":1,"mode":"User"},`, 1)
	p.works("demo", strings.Replace(two, `{"type":"SystemAssigned"}`, `{"type":"UserAssigned","userAssignedIdentities":{"`+plane+`":{}}}`, 1))
	before := keys(w.nodes)
	change := `{"location":"westus2","properties":{"identityProfile":{"kubeletidentity":{"resourceId":"` + kubelet + `"}}}}`
	if _, _, err := p.put(clusterID("demo"), change); !rest.HasCode(err, "CustomKubeletIdentityMissingPermissionError") {
		t.Fatalf("without Managed Identity Operator: %v", err)
	}
	p.grant(operatorRole, kubelet, planePrincipal)
	w.calls = nil
	c := p.works("demo", change)
	if diff := strings.Join(keys(w.nodes), " "); diff != strings.Join(before, " ") {
		t.Errorf("nodes %v, were %v", diff, before)
	}
	for _, name := range before {
		if count(w.calls, "DrainNode "+name) != 1 || count(w.calls, "DeleteNode "+name) != 1 {
			t.Errorf("node %s was not drained and replaced: %v", name, w.calls)
		}
	}
	if !strings.Contains(string(c.Properties), `userAssignedIdentities/kubelet"`) || strings.Count(string(c.Properties), `LanyardLinux-containerd-1.34.2-2"`) != 2 {
		t.Errorf("cluster %s", c.Properties)
	}
	sets, err := p.engine.List(t.Context(), armid.Root(), "Microsoft.Compute/virtualMachineScaleSets")
	if err != nil || len(sets) != 2 {
		t.Fatal(sets, err)
	}
	for _, set := range sets {
		if ids := set.Identity.Keys(); len(ids) != 1 || !strings.EqualFold(ids[0], kubelet) {
			t.Errorf("identities on %s: %v", set.ID.Name(), ids)
		}
	}
	if w.allocations() != 2*3 {
		t.Errorf("%d allocations for three nodes", w.allocations())
	}
}

// spBody is a cluster with a service principal.
func spBody(clientID, password string) string {
	return strings.Replace(strings.Replace(simple, `"identity":{"type":"SystemAssigned"},`, "", 1), `"kubernetesVersion":""`,
		`"servicePrincipalProfile":{"clientId":"`+clientID+`","secret":"`+password+`"}`, 1)
}

func TestServicePrincipal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	defer p.stop()
	application, err := p.directory.CreateApplication(t.Context(), tenant, "aks")
	if err != nil {
		t.Fatal(err)
	}
	first, err := p.directory.AddSecret(t.Context(), application.ObjectID, "first", 0)
	if err != nil {
		t.Fatal(err)
	}
	body := spBody(application.AppID, first.Value.Reveal())
	c := p.works("demo", body)
	if strings.Contains(string(c.Properties)+string(c.Internal), first.Value.Reveal()) {
		t.Error("the secret is readable in the document or the state")
	}
	if c.Identity != nil || strings.Contains(string(c.Properties), "identityProfile") || !strings.Contains(string(c.Properties), `"clientId":"`+application.AppID+`"`) {
		t.Errorf("identity %+v, %s", c.Identity, c.Properties)
	}
	if !p.contributes(application.ObjectID) {
		t.Error("the service principal has no role on the node resource group")
	}
	azureJSON := func() string { return string(w.nodes[keys(w.nodes)[0]].AzureJSON) }
	if !strings.Contains(azureJSON(), `"aadClientId": "`+application.AppID) || !strings.Contains(azureJSON(), first.Value.Reveal()) || !strings.Contains(azureJSON(), `"useManagedIdentityExtension": false`) {
		t.Errorf("azure.json %s", azureJSON())
	}
	p.works("demo", body) // the same secret again, as Terraform does
	_, _, err = p.put(clusterID("demo"), spBody(application.AppID, "another"))
	if !rest.HasCode(err, "PropertyChangeNotAllowed") || !strings.Contains(err.Error(), "servicePrincipalProfile.secret") {
		t.Errorf("another secret by PUT: %v", err)
	}
	_, _, err = p.put(clusterID("demo"), spBody("11111111-2222-4333-8444-555555555555", "another"))
	if !rest.HasCode(err, "PropertyChangeNotAllowed") || !strings.Contains(err.Error(), "Changing property 'servicePrincipalProfile.clientId' is not allowed.") {
		t.Errorf("another application by PUT: %v", err)
	}

	// az aks update-credentials --reset-service-principal, after the credential has expired.
	if err := p.directory.RemoveSecret(t.Context(), application.ObjectID, first.KeyID); err != nil {
		t.Fatal(err)
	}
	if _, _, err := p.put(clusterID("demo"), `{"location":"westus2"}`); !rest.HasCode(err, "ServicePrincipalValidationClientError") || !strings.Contains(err.Error(), "AADSTS7000215") {
		t.Errorf("an update with a dead secret: %v", err)
	}
	second, err := p.directory.AddSecret(t.Context(), application.ObjectID, "second", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.post(clusterID("demo"), "resetServicePrincipalProfile", `{"clientId":"`+application.AppID+`","secret":"wrong"}`); !rest.HasCode(err, "ServicePrincipalValidationClientError") {
		t.Errorf("reset to a wrong secret: %v", err)
	}
	if _, err := p.post(clusterID("demo"), "resetServicePrincipalProfile", `{"clientId":"`+application.AppID+`","secret":"`+second.Value.Reveal()+`"}`); err != nil {
		t.Fatal(err)
	}
	p.settle(clusterID("demo"))
	if !strings.Contains(azureJSON(), second.Value.Reveal()) {
		t.Error("the nodes don't have the new secret")
	}

	// To a managed identity, and never back; nodes keep the service principal until their pool is upgraded.
	c = p.works("demo", `{"location":"westus2","identity":{"type":"SystemAssigned"},"properties":{"servicePrincipalProfile":{"clientId":"msi"}}}`)
	if !p.contributes(c.Identity.PrincipalID) || p.contributes(application.ObjectID) {
		t.Error("the roles didn't go to the managed identity")
	}
	if !strings.Contains(string(c.Properties), "demo-agentpool") || !strings.Contains(string(c.Properties), `"clientId":"msi"`) || !strings.Contains(azureJSON(), application.AppID) {
		t.Errorf("cluster %s, azure.json %s", c.Properties, azureJSON())
	}
	for _, back := range []string{spBody(application.AppID, second.Value.Reveal()), `{"location":"westus2","identity":{"type":"None"}}`} {
		if _, _, err := p.put(clusterID("demo"), back); !rest.HasCode(err, "PropertyChangeNotAllowed") {
			t.Errorf("back to a service principal: %v", err)
		}
	}
	if _, err := p.post(clusterID("demo"), "resetServicePrincipalProfile", `{"clientId":"a","secret":"b"}`); !rest.HasCode(err, "ResetServicePrincipalProfileNotAllowed") {
		t.Errorf("reset on a managed-identity cluster: %v", err)
	}
}

// TestRulesOf2020: seed 000's "These identities are currently immutable", previews that gate, and the service principal
// that AKS made on the user's behalf.
func TestRulesOf2020(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.rules = containerservice.Rules{Of2020: true}
	p := w.start()
	defer p.stop()
	plane, _ := p.identity("plane")
	brought := strings.Replace(simple, `{"type":"SystemAssigned"}`, `{"type":"UserAssigned","userAssignedIdentities":{"`+plane+`":{}}}`, 1)
	if _, _, err := p.put(clusterID("own"), brought); !rest.HasCode(err, "PreviewFeatureNotRegistered") || !strings.Contains(err.Error(), "UserAssignedIdentityPreview") {
		t.Errorf("own identity without the preview: %v", err)
	}
	w.features = map[string]bool{"Microsoft.ContainerService/UserAssignedIdentityPreview": true}
	c := p.works("demo", brought)
	if _, _, err := p.put(clusterID("demo"), `{"location":"westus2","identity":{"type":"SystemAssigned"}}`); !rest.HasCode(err, "PropertyChangeNotAllowed") || !strings.Contains(err.Error(), "These identities are currently immutable.") {
		t.Errorf("user to system: %v", err)
	}
	if _, _, err := p.put(clusterID("demo"), `{"location":"westus2","properties":{"identityProfile":{"kubeletidentity":{"resourceId":"`+plane+`"}}}}`); !rest.HasCode(err, "BadRequest") || !strings.Contains(err.Error(), "Change kubelet identity from ResourceID: ") {
		t.Errorf("kubelet identity: %v", err)
	}
	p.works("demo", `{"location":"westus2","properties":`+string(c.Properties)+`}`)

	made := p.works("sp", strings.NewReplacer(`"identity":{"type":"SystemAssigned"},`, "", `"dnsPrefix":"demo"`, `"dnsPrefix":"sp"`).Replace(simple))
	if made.Identity != nil || strings.Contains(string(made.Properties), `"clientId":"msi"`) || !strings.Contains(string(made.Properties), `"servicePrincipalProfile":{"clientId":"`) {
		t.Errorf("a cluster without any identity: %+v %s", made.Identity, made.Properties)
	}
	if _, _, err := p.put(clusterID("sp"), `{"location":"westus2","identity":{"type":"SystemAssigned"}}`); !rest.HasCode(err, "PreviewFeatureNotRegistered") || !strings.Contains(err.Error(), "Migrating the cluster to MSI cluster is not allowed") {
		t.Errorf("migration without the preview: %v", err)
	}
}

// TestClusterStaysInItsTenant: neither the cluster nor its group can be moved to where another tenant is.
func TestClusterStaysInItsTenant(t *testing.T) {
	t.Parallel()
	const another = "8b0b0c0d-0000-4000-8000-000000000003"
	w := newWorld(t)
	p := w.start()
	defer p.stop()
	c := p.works("demo", simple)
	for _, document := range []string{
		`{"location":"westus2","identity":{"type":"SystemAssigned","tenantId":"` + another + `"}}`,
		`{"location":"westus2","identity":{"type":"UserAssigned","tenantId":"` + another + `","userAssignedIdentities":{"` + identityID("plane") + `":{}}}}`,
	} {
		if _, _, err := p.put(clusterID("demo"), document); !rest.HasCode(err, "PropertyChangeNotAllowed") || !strings.Contains(err.Error(), "identity.tenantId") {
			t.Errorf("%s: %v", document, err)
		}
	}
	if _, err := p.post(clusterID("demo").ResourceGroupID(), "moveResources", `{"resources":["`+c.ID.String()+`"],"targetResourceGroup":"/subscriptions/`+another+`/resourceGroups/g"}`); !rest.HasCode(err, "ResourceMoveNotSupported") {
		t.Errorf("moved to a subscription of another tenant: %v", err)
	}
	if now := p.get(clusterID("demo")); now.Identity.TenantID != tenant || now.Identity.PrincipalID != c.Identity.PrincipalID {
		t.Errorf("the identity is %+v, was %+v", now.Identity, c.Identity)
	}
}

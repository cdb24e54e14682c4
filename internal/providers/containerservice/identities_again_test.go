package containerservice_test

import (
	"strings"
	"testing"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers/authorization"
)

// TestIdentityThatWasMadeAgainIsTakenUp: one of the same name is another principal, without the former one's roles.
func TestIdentityThatWasMadeAgainIsTakenUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	defer p.stop()
	plane, former := p.identity("plane")
	p.works("demo", strings.Replace(simple, systemAssigned, `{"type":"UserAssigned","userAssignedIdentities":{"`+plane+`":{}}}`, 1))
	p.delete(armid.MustParse(plane))
	c := p.update("demo", change(`"tags":{}`))
	if c.ProvisioningState != resource.Failed {
		t.Errorf("without its identity the cluster is %s", c.ProvisioningState)
	}
	_, principal := p.identity("plane")
	c = p.works("demo", userAssigned(plane))
	if !p.contributes(principal) || p.contributes(former) {
		t.Error("the role isn't with the new principal alone")
	}
	for _, shown := range c.Identity.UserAssigned {
		if shown.PrincipalID != principal {
			t.Errorf("the cluster shows principal %s, want %s", shown.PrincipalID, principal)
		}
	}
}

// kubeletFacts are what says whom nodes work as: what the cluster shows, what its nodes have in azure.json, and what is on its
// scale sets.
type kubeletFacts struct {
	Shown, OnNodes, OnScaleSets string // client IDs
}

func (p *process) kubeletFacts(name, resourceID string) kubeletFacts {
	p.t.Helper()
	is, err := resource.Read[struct {
		IdentityProfile map[string]struct{ ResourceID, ClientID, ObjectID string }
	}](p.get(clusterID(name)))
	if err != nil {
		p.t.Fatal(err)
	}
	facts := kubeletFacts{Shown: is.IdentityProfile["kubeletidentity"].ClientID}
	for _, node := range p.nodes {
		_, rest, _ := strings.Cut(string(node.AzureJSON), `"userAssignedIdentityID": "`)
		facts.OnNodes, _, _ = strings.Cut(rest, `"`)
	}
	sets, err := p.engine.List(p.t.Context(), armid.Root(), "Microsoft.Compute/virtualMachineScaleSets")
	if err != nil {
		p.t.Fatal(err)
	}
	for _, set := range sets {
		if _, entry := set.Identity.Find(armid.MustParse(resourceID)); entry != nil {
			facts.OnScaleSets = entry.ClientID
		}
	}
	return facts
}

func (p *process) clientID(identity string) string {
	p.t.Helper()
	found := p.get(armid.MustParse(identity))
	if found == nil {
		p.t.Fatalf("%s isn't there", identity)
	}
	is, err := resource.Read[struct{ ClientID string }](found)
	if err != nil {
		p.t.Fatal(err)
	}
	return is.ClientID
}

// TestKubeletIdentityOfTheServiceIsMadeAgain: whoever deletes it gets another one with the next operation, as which the nodes
// work at once.
func TestKubeletIdentityOfTheServiceIsMadeAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	defer p.stop()
	p.works("demo", simple)
	own := armid.ResourceGroup(subscription, "MC_rg_demo_westus2").Extension("Microsoft.ManagedIdentity", "userAssignedIdentities", "demo-agentpool")
	former := p.clientID(own.String())
	p.delete(own)
	w.calls = nil
	p.works("demo", change(`"tags":{}`))
	now := p.clientID(own.String())
	if now == former {
		t.Error("the identity is the former one")
	}
	p.expect("made again", kubeletFacts{now, now, now}, p.kubeletFacts("demo", own.String()))
	if count(w.calls, "DrainNode") != 0 {
		t.Error("nodes were drained")
	}
}

// TestEachOperationGrantsTheControlPlaneItsRole that somebody took from it.
func TestEachOperationGrantsTheControlPlaneItsRole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	defer p.stop()
	c := p.works("demo", simple)
	if err := p.roles.Revoke(t.Context(), authorization.Grant{By: caller(), Scope: armid.ResourceGroup(subscription, "MC_rg_demo_westus2"), Role: contributorRole, PrincipalID: c.Identity.PrincipalID}); err != nil {
		t.Fatal(err)
	}
	if p.contributes(c.Identity.PrincipalID) {
		t.Fatal("the role wasn't taken")
	}
	p.works("demo", strings.Replace(simple, `"count":2`, `"count":1`, 1))
	if !p.contributes(c.Identity.PrincipalID) {
		t.Error("the control plane has no role after an operation")
	}
}

// TestKubeletIdentityThatWasMadeAgainIsTakenUp by a request, if the control plane may assign it, and by nothing else.
func TestKubeletIdentityThatWasMadeAgainIsTakenUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	defer p.stop()
	p.pair("plane", "kubelet")
	c := p.works("demo", withPair("plane", "kubelet"))
	id := identityID("kubelet")
	former := p.clientID(id)
	p.expect("at first", kubeletFacts{former, former, former}, p.kubeletFacts("demo", id))

	// The same in another spelling is the same.
	w.calls = nil
	p.works("demo", change(`"identityProfile":{"kubeletidentity":{"resourceId":"`+strings.ToUpper(id)+`"}}`))
	if count(w.calls, "DrainNode") != 0 {
		t.Error("another spelling of the identity drained nodes")
	}

	p.delete(armid.MustParse(id))
	if c := p.update("demo", change(`"tags":{}`)); c.ProvisioningState != resource.Failed {
		t.Errorf("without its nodes' identity the cluster is %s", c.ProvisioningState)
	}
	p.identity("kubelet")
	now := p.clientID(id)
	sentBack := `{"location":"westus2","properties":` + string(c.Properties) + `}`
	if _, _, err := p.put(clusterID("demo"), sentBack); !rest.HasCode(err, "CustomKubeletIdentityMissingPermissionError") {
		t.Errorf("taken up without the right to assign it: %v", err)
	}
	if facts := p.kubeletFacts("demo", id); facts.OnNodes == now || facts.OnScaleSets == now {
		t.Errorf("nodes work as an identity that nobody may give them: %+v", facts)
	}
	for _, i := range c.Identity.UserAssigned {
		p.grant(operatorRole, id, i.PrincipalID)
	}
	p.works("demo", sentBack)
	p.expect("taken up", kubeletFacts{now, now, now}, p.kubeletFacts("demo", id))
	if count(w.calls, "DrainNode") != 0 {
		t.Error("nodes were drained")
	}
}

package containerservice_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/providers/authorization"
	"github.com/lanyard-project/lanyard/internal/providers/containerservice"
	"github.com/lanyard-project/lanyard/internal/secret"
)

// keyOf is the cluster's key, which its issuer ends with.
func keyOf(t *testing.T, cluster *resource.Resource) string {
	t.Helper()
	return strings.Split(strings.TrimSuffix(issuerOf(t, cluster), "/"), "/")[5]
}

// A cluster that is run elsewhere answers as slowly as its owner likes, and everybody can form a token that it has to be
// asked about: that must not keep the nodes of other clusters from their tokens.
func TestHostileClusterTakesNobodysTurn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.features = map[string]bool{"Microsoft.ContainerService/EnablePodIdentityPreview": true}
	w.attach, w.far = true, newFar(t)
	p := w.start()
	defer p.stop()
	tokens := map[string]secret.String{}
	for _, name := range []string{"slow", "demo"} {
		key := keyOf(t, p.works(name, connectBody(t, `,"podIdentityProfile":{"enabled":true}`)))
		tokens[key] = secret.New(w.far.signs(t, nodeAgent, "https://localhost:8443/lanyard/connected/"+key))
		if name == "slow" {
			w.far.slow = key
		}
	}
	const strangers = 300
	told := make(chan error, strangers)
	for range strangers {
		go func() {
			_, err := p.provider.ConnectedNode(t.Context(), w.far.slow, tokens[w.far.slow])
			told <- err
		}()
	}
	const waiting = 8
	for range strangers - waiting {
		if err := <-told; !errors.Is(err, containerservice.ErrBusy) {
			t.Fatalf("got %v", err)
		}
	}
	for key, token := range tokens {
		if _, err := p.provider.ConnectedNode(t.Context(), key, token); key != w.far.slow && err != nil {
			t.Errorf("a node of another cluster: %v", err)
		}
	}
	close(w.far.held)
	for range waiting {
		if err := <-told; err != nil {
			t.Errorf("who waited: %v", err)
		}
	}
}

// An identity that was deleted and made again under its name is another one. What the cluster was lent of the first one
// gives it nothing of the second, which its owner never gave to it.
func TestConnectedClusterGetsNoIdentityMadeAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.features = map[string]bool{"Microsoft.ContainerService/EnablePodIdentityPreview": true}
	w.attach, w.far = true, newFar(t)
	p := w.start()
	defer p.stop()
	c := p.works("demo", connectBody(t, `,"podIdentityProfile":{"enabled":true}`))
	key := keyOf(t, c)
	token := secret.New(w.far.signs(t, nodeAgent, "https://localhost:8443/lanyard/connected/"+key))
	id, first := p.identity("badge")
	p.grant("f1a07417-d97a-45cb-824c-7a7467783830", id, c.Identity.PrincipalID) // Managed Identity Operator
	add := `{"location":"westus2","properties":{"podIdentityProfile":{"enabled":true,"userAssignedIdentities":[{"name":"web","namespace":"app","identity":{"resourceId":"` + id + `"}}]}}}`
	p.works("demo", add)
	lent := func() []string {
		t.Helper()
		node, err := p.provider.ConnectedNode(t.Context(), key, token)
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, i := range node.Identities {
			all = append(all, i.ObjectID)
		}
		return all
	}
	if got := lent(); len(got) != 1 || got[0] != first {
		t.Fatalf("lent are %v, want %s", got, first)
	}
	p.delete(armid.MustParse(id))
	p.settle(armid.MustParse(id))
	if _, second := p.identity("badge"); second == first {
		t.Fatal("it is the same one")
	}
	if err := p.roles.Revoke(t.Context(), authorization.Grant{By: caller(), Scope: armid.MustParse(id), Role: "f1a07417-d97a-45cb-824c-7a7467783830", PrincipalID: c.Identity.PrincipalID}); err != nil {
		t.Fatal(err)
	}
	if c := p.create("demo", add); c.ProvisioningState != resource.Failed || !strings.Contains(string(c.Properties), "Managed Identity Operator") {
		t.Errorf("it is %s: %s", c.ProvisioningState, c.Properties)
	}
	if got := lent(); len(got) != 0 {
		t.Errorf("lent are %v", got)
	}
}

// Who may write a scale set of his own cluster must not keep other clusters' pools from following theirs.
func TestHostileScaleSetHoldsUpNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	defer p.stop()
	p.works("demo", simple)
	p.works("zoo", simple)
	sets, err := p.engine.List(t.Context(), armid.Root(), "Microsoft.Compute/virtualMachineScaleSets")
	if err != nil || len(sets) != 2 {
		t.Fatal(len(sets), err)
	}
	for _, set := range sets {
		capacity := `3`
		if strings.Contains(strings.ToLower(set.ID.String()), "_demo_") {
			capacity = `{}`
		}
		if _, err := p.engine.Update(t.Context(), set.ID, func(r *resource.Resource) error {
			r.SKU = json.RawMessage(`{"name":"Standard_DS2_v2","capacity":` + capacity + `}`)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.provider.Scale(t.Context()); err == nil || !strings.Contains(err.Error(), "demo") {
		t.Errorf("what is wrong is told: %v", err)
	}
	p.settle(clusterID("zoo"))
	if c := p.get(clusterID("zoo")); !strings.Contains(string(c.Properties), `"count":3`) {
		t.Errorf("the other one is %s", c.Properties)
	}
}

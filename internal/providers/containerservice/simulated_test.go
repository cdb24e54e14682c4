package containerservice_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
)

// A pool with the tag has hundreds of nodes that are objects alone: no machine, no address, no instance in ARM.
func TestSimulatedPool(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	defer p.stop()
	p.works("demo", simple)
	pools := func(simulated string) string {
		return `{"location":"westus2","properties":{"agentPoolProfiles":[{"name":"nodepool1","count":2,"mode":"System"}` + simulated + `]}}`
	}
	many := func(count int) string {
		return pools(fmt.Sprintf(`,{"name":"many","count":%d,"mode":"User","tags":{"lanyard-simulated":"true"},"nodeTaints":["a=b:NoExecute"]}`, count))
	}
	nodes := len(w.nodes)
	c := p.update("demo", many(500))
	if c.ProvisioningState != resource.Succeeded {
		t.Fatal(c.ProvisioningState, w.calls[max(0, len(w.calls)-10):])
	}
	got := w.simulated["many"]
	if len(got.Names) != 500 || got.Labels["agentpool"] != "many" || len(got.Taints) != 1 || !strings.Contains(got.ProviderID(got.Names[0]), "/virtualMachineScaleSets/aks-many-") {
		t.Errorf("simulated are %d nodes with labels %v and taints %v", len(got.Names), got.Labels, got.Taints)
	}
	if len(w.nodes) != nodes {
		t.Errorf("%d nodes run, and %d did before", len(w.nodes), nodes)
	}
	first := got.Names[0]
	p.update("demo", many(3))
	if got := w.simulated["many"]; len(got.Names) != 3 || got.Names[0] != first {
		t.Errorf("scaled down to %v", got.Names)
	}
	for name, test := range map[string]struct{ body, code string }{
		"made real":     {pools(`,{"name":"many","count":3,"mode":"User","tags":{"other":"x"}}`), "PropertyChangeNotAllowed"},
		"a system pool": {pools(`,{"name":"more","count":3,"mode":"System","tags":{"lanyard-simulated":"true"}}`), "SimulatedPoolNotAllowed"},
	} {
		if _, _, err := p.put(clusterID("demo"), test.body); rest.AsError(err).Code != test.code {
			t.Errorf("%s: %v", name, err)
		}
	}
	p.update("demo", pools(""))
	if len(w.simulated) != 0 || len(w.nodes) != nodes {
		t.Errorf("left are %v", w.simulated)
	}
}

package containerservice_test

import (
	"strings"
	"testing"

	"github.com/lanyard-project/lanyard/internal/arm/rest"
)

// TestLocksOfTheNodeResourceGroup: what each level of lock leaves a cluster to do.
func TestLocksOfTheNodeResourceGroup(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	defer p.stop()
	const system, apps = `{"name":"nodepool1","count":1,"mode":"System"}`, `{"name":"apps","count":1,"mode":"User"}`
	with := func(pools string) string { return change(`"agentPoolProfiles":[` + pools + `]`) }
	more := strings.Replace(apps, `"count":1`, `"count":2`, 1)
	p.works("demo", strings.Replace(simple, `{"name":"nodepool1","count":2,"vmSize":"Standard_DS2_v2","mode":"System"}`, system+","+apps, 1))
	p.works("demo", change(`"addonProfiles":{"azurepolicy":{"enabled":true}}`))
	for _, tc := range []struct {
		name, document          string
		canNotDelete, isAllowed bool
	}{
		{"tags under ReadOnly", change(`"tags":{}`), false, false},
		{"more nodes under ReadOnly", with(system + "," + more), false, false},
		{"tags under CanNotDelete", change(`"tags":{}`), true, true},
		{"more nodes under CanNotDelete", with(system + "," + more), true, true},
		{"fewer nodes under CanNotDelete", with(system + "," + apps), true, false},
		{"a pool less under CanNotDelete", with(system), true, false},
		{"an add-on less under CanNotDelete", change(`"addonProfiles":{"azurepolicy":{"enabled":false}}`), true, false},
		{"an add-on more under CanNotDelete", change(`"addonProfiles":{"azureKeyvaultSecretsProvider":{"enabled":true}}`), true, true},
	} {
		w.locks = map[string]string{"MC_rg_demo_westus2": "ReadOnly"}
		if tc.canNotDelete {
			w.locks["MC_rg_demo_westus2"] = "CanNotDelete"
		}
		_, _, err := p.put(clusterID("demo"), tc.document)
		if tc.isAllowed && err != nil || !tc.isAllowed && !rest.HasCode(err, "ResourceGroupLocked") {
			t.Errorf("%s: %v", tc.name, err)
		}
		p.settle(clusterID("demo"))
	}
	// Nodes that are made anew are nodes that are deleted.
	if err := p.rollNodeImage("apps"); !rest.HasCode(err, "ResourceGroupLocked") {
		t.Errorf("another node image under CanNotDelete: %v", err)
	}
	w.locks = nil
	p.works("demo", with(system))
}

package traffic

import (
	"log/slog"
	"strings"
	"testing"

	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
)

// Nobody needs a right to a load balancer, or to the machines behind it, to write
// its pool's ID into the rule of another.
func TestRulesLeadToOwnPoolsAlone(t *testing.T) {
	w := newWorld(t)
	w.put(t, lb, `{"backendAddressPools":[{"name":"kubernetes"}]}`)
	other := strings.Replace(lb, "/rg/", "/others/", 1)
	w.put(t, other, strings.ReplaceAll(document(`"publicIPAddress":{"id":"`+ip+`"}`, `"protocol":"Tcp","frontendPort":22,"backendPort":22`, ""),
		lb+"/frontendIPConfigurations", other+"/frontendIPConfigurations"))
	for _, way := range w.ways(t) {
		t.Errorf("%v leads to %v", way.rule.Address, way.members)
	}
}

// A private address is its own network's: in another it may be a machine's, whose
// traffic would be taken.
func TestPrivateFrontendsForwardInTheirNetworkAlone(t *testing.T) {
	w := newWorld(t)
	elsewhere := strings.Replace(vnetID, "/vnet", "/elsewhere", 1)
	w.put(t, lb, document(`"privateIPAddress":"10.0.0.9","subnet":{"id":"`+elsewhere+`/subnets/s"}`, `"protocol":"Tcp","frontendPort":80,"backendPort":80`, ""))
	for _, way := range w.ways(t) {
		if way.vnet != "elsewhere" || len(way.members) > 0 {
			t.Errorf("%s is taken to %v in network %s", way.rule.Address, way.members, way.vnet)
		}
	}
}

func (w *world) ways(t *testing.T) []way {
	t.Helper()
	c := New(Options{
		Store: w.store, Resources: w, Machines: w, Engine: w, Log: slog.New(slog.DiscardHandler), Clock: clock.RealClock{},
		NetworkKey: func(id armid.ID) string { return id.Name() },
	})
	ways, err := c.plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return ways
}

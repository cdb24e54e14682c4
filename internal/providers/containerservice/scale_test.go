package containerservice_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
)

// TestPoolsFollowTheirScaleSets scales as a cluster autoscaler does: by capacity, and by certain instances that go.
func TestPoolsFollowTheirScaleSets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	defer p.stop()
	p.works("demo", simple)
	sets, err := p.engine.List(t.Context(), armid.Root(), "Microsoft.Compute/virtualMachineScaleSets")
	if err != nil || len(sets) != 1 {
		t.Fatal(len(sets), err)
	}
	set := sets[0].ID
	wish := func(capacity string, leaving ...int) {
		t.Helper()
		if _, err := p.engine.Update(t.Context(), set, func(r *resource.Resource) error {
			r.SKU = json.RawMessage(`{"name":"Standard_DS2_v2","tier":"Standard"` + capacity + `}`)
			return r.SetInternal(map[string]any{"leaving": leaving})
		}); err != nil {
			t.Fatal(err)
		}
	}
	follows := func(step string, count int, nodes ...string) {
		t.Helper()
		if err := p.provider.Scale(t.Context()); err != nil {
			t.Fatal(err)
		}
		p.settle(clusterID("demo"))
		var have []string
		for _, name := range keys(w.nodes) {
			have = append(have, name[len(name)-6:])
		}
		if diff := cmp.Diff(nodes, have); diff != "" {
			t.Errorf("%s: nodes (-want +got):\n%s", step, diff)
		}
		if c := p.get(clusterID("demo")); !strings.Contains(string(c.Properties), fmt.Sprintf(`"count":%d`, count)) {
			t.Errorf("%s: %s", step, c.Properties)
		}
		instances, err := p.engine.List(t.Context(), set, "Microsoft.Compute/virtualMachineScaleSets/virtualMachines")
		if err != nil || len(instances) != len(nodes) {
			t.Errorf("%s: %d virtual machines (%v)", step, len(instances), err)
		}
		if err := p.provider.Scale(t.Context()); err != nil || p.get(clusterID("demo")).Busy() {
			t.Errorf("%s: it is scaled again (%v)", step, err)
		}
	}
	follows("nothing has changed", 2, "000000", "000001")
	wish(`,"capacity":3`)
	follows("one more", 3, "000000", "000001", "000002")
	wish(`,"capacity":2`, 0)
	follows("the first one goes", 2, "000001", "000002")
	wish(``, 0)
	follows("a write without a capacity", 2, "000001", "000002")
	wish(`,"capacity":1`)
	follows("the newest goes", 1, "000001")
	wish(`,"capacity":0`)
	if err := p.provider.Scale(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.settle(clusterID("demo"))
	if len(w.nodes) != 1 {
		t.Errorf("a system pool has %d nodes", len(w.nodes))
	}
}

// TestARaiseDuringAnOperationIsNotLost: a cluster autoscaler doesn't wait for operations of its cluster.
func TestARaiseDuringAnOperationIsNotLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	defer p.stop()
	p.works("demo", simple)
	sets, err := p.engine.List(t.Context(), armid.Root(), "Microsoft.Compute/virtualMachineScaleSets")
	if err != nil || len(sets) != 1 {
		t.Fatal(len(sets), err)
	}
	wish := func(capacity int) {
		if _, err := p.engine.Update(t.Context(), sets[0].ID, func(r *resource.Resource) error {
			r.SKU = json.RawMessage(fmt.Sprintf(`{"name":"Standard_DS2_v2","tier":"Standard","capacity":%d}`, capacity))
			return nil
		}); err != nil {
			t.Error(err)
		}
	}
	// during has somebody write the capacity while an operation runs, before its step about scale sets.
	during := func(capacity int) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.fail = func(call string) error {
			if call == "roles.Grant" {
				w.fail = nil
				wish(capacity)
			}
			return nil
		}
	}
	scaled := func(step string, nodes int) {
		t.Helper()
		p.settle(clusterID("demo"))
		if err := p.provider.Scale(t.Context()); err != nil {
			t.Fatal(err)
		}
		p.settle(clusterID("demo"))
		w.mu.Lock()
		defer w.mu.Unlock()
		if len(w.nodes) != nodes || w.fail != nil {
			t.Errorf("%s: %d nodes, want %d", step, len(w.nodes), nodes)
		}
	}
	during(3)
	p.works("demo", strings.Replace(simple, `"team":"a"`, `"team":"b"`, 1))
	scaled("another change", 3)
	wish(4)
	during(5)
	if err := p.provider.Scale(t.Context()); err != nil {
		t.Fatal(err)
	}
	scaled("again while the pool follows", 5)
	during(6)
	p.works("demo", strings.Replace(simple, `"count":2`, `"count":1`, 1))
	scaled("its owner wants another count", 1)
}

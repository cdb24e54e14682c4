package containerservice

import (
	"log/slog"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/store"
)

// TestClustersAreKnownByTheirKeys: a cluster that is made again under the same name is another one.
func TestClustersAreKnownByTheirKeys(t *testing.T) {
	at := func(name string) armid.ID {
		return armid.ResourceGroup("6f1a2b3c-0000-4000-8000-000000000001", "rg").Extension(namespace, "managedClusters", name)
	}
	x := newIndex(Options{Log: slog.New(slog.DiscardHandler)})
	put := func(name, key string) {
		t.Helper()
		r := &resource.Resource{ID: at(name)}
		if err := r.SetInternal(state{Key: key}); err != nil {
			t.Fatal(err)
		}
		raw, err := r.Store()
		if err != nil {
			t.Fatal(err)
		}
		x.put(store.Item{Key: resource.StoreKey(r.ID), Value: raw})
	}
	known := func(want map[string]string) {
		t.Helper()
		got := map[string]string{}
		for key, id := range x.keys {
			got[key] = id.Name()
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Values(x.named))); diff != "" {
			t.Error(diff)
		}
	}
	put("One", "k1")
	put("two", "k2")
	known(map[string]string{"k1": "One", "k2": "two"})
	put("One", "k1")
	put("two", "k3")
	known(map[string]string{"k1": "One", "k3": "two"})
	x.put(store.Item{Key: resource.StoreKey(at("two")), Value: []byte("{")})
	known(map[string]string{"k1": "One"})
	put("three", "")
	x.remove(resource.StoreKey(at("one")))
	known(map[string]string{})
}

func TestIndexTakesClustersOnly(t *testing.T) {
	cluster := armid.ResourceGroup("6f1a2b3c-0000-4000-8000-000000000001", "rg").Extension(namespace, "managedClusters", "One")
	for id, want := range map[armid.ID]bool{
		cluster:                             true,
		cluster.Parent():                    false,
		cluster.Child("agentPools", "pool"): false,
		cluster.Extension("Microsoft.Authorization", "locks", "l"): false,
	} {
		if got := isClusterKey(resource.StoreKey(id)); got != want {
			t.Errorf("%s: %t", id, got)
		}
	}
}

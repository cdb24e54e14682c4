package containerservice

import (
	"testing"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
)

// Who has proven nothing makes nobody read all clusters: they are read once, and known from then on.
func TestClustersAreReadOnce(t *testing.T) {
	at := func(name string) armid.ID {
		return armid.ResourceGroup("6f1a2b3c-0000-4000-8000-000000000001", "rg").Extension(namespace, "managedClusters", name)
	}
	before := &resource.Resource{ID: at("before")}
	if err := before.SetInternal(state{Key: "k0"}); err != nil {
		t.Fatal(err)
	}
	reads := 0
	read := func() ([]*resource.Resource, error) { reads++; return []*resource.Resource{before}, nil }
	var k byKey
	k.put("k1", at("made"))
	find := func(key string) string {
		id, err := k.find(key, read)
		if err != nil {
			t.Fatal(err)
		}
		if id.IsZero() {
			return ""
		}
		return id.Name()
	}
	for key, want := range map[string]string{"k0": "before", "k1": "made", "guessed": "", "": ""} {
		if got := find(key); got != want {
			t.Errorf("key %q is of %q, want %q", key, got, want)
		}
	}
	k.remove(at("before"))
	if got := find("k0"); got != "" {
		t.Errorf("a deleted cluster is found: %s", got)
	}
	if reads != 1 {
		t.Errorf("all clusters were read %d times", reads)
	}
}

package documents_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/documents"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/store"
	"github.com/lanyard-project/lanyard/internal/store/storetest"
)

// TestScan reads collections whose members have more children than fit in a
// chunk, and names that sort around the slash.
func TestScan(t *testing.T) {
	s := storetest.New(t)
	group := armid.ResourceGroup("5", "g")
	box := func(name string) armid.ID { return group.Extension("Toys.Test", "boxes", name) }
	ids := []armid.ID{armid.Subscription("5"), group, armid.ResourceGroup("5", "g-2"), armid.ResourceGroup("5", "g_"), box("a"), box("a-b"), box("a0"), box("b"),
		group.Extension("Toys.Test", "boxesandmore", "x"), armid.Subscription("5").Extension("Toys.Test", "labels", "l"), armid.Root().Extension("Toys.Test", "labels", "l")}
	for n := range 450 {
		ids = append(ids, box("a").Child("toys", fmt.Sprintf("t%03d", n)))
	}
	ids = append(ids, box("b").Child("toys", "t"))
	var writes []store.Op
	for _, id := range ids {
		raw, err := (&resource.Resource{ID: id}).Store()
		if err != nil {
			t.Fatal(err)
		}
		writes = append(writes, store.Put(documents.Key(id), raw))
	}
	if _, err := s.Txn(t.Context(), nil, writes); err != nil {
		t.Fatal(err)
	}
	d := documents.New(s)
	for _, c := range []struct {
		name string
		scan documents.Scan
		want []string
	}{
		{"members without their children", documents.Scan{Scope: group, Type: "toys.test/BOXES", Direct: true}, []string{"a", "a-b", "a0", "b"}},
		{"read one by one", documents.Scan{Scope: group, Type: "Toys.Test/boxes", Direct: true, Wanted: 1}, []string{"a", "a-b", "a0", "b"}},
		{"the rest of them", documents.Scan{Scope: group, Type: "Toys.Test/boxes", Direct: true, After: box("a-b").Key()}, []string{"a0", "b"}},
		{"below a subscription", documents.Scan{Scope: armid.Subscription("5"), Type: "Toys.Test/boxes"}, []string{"a-b", "a0", "a", "b"}},
		{"groups", documents.Scan{Scope: armid.Subscription("5"), Type: armid.ResourceGroupType, Direct: true}, []string{"g", "g-2", "g_"}},
		{"subscriptions", documents.Scan{Scope: armid.Root(), Type: armid.SubscriptionType, Direct: true}, []string{"5"}},
		{"children", documents.Scan{Scope: box("b"), Type: "Toys.Test/boxes/toys", Direct: true}, []string{"t"}},
		{"at a scope", documents.Scan{Scope: armid.Root(), Type: "Toys.Test/labels", Direct: true}, []string{"l"}},
		{"none", documents.Scan{Scope: box("a0"), Type: "Toys.Test/boxes/toys", Direct: true}, nil},
	} {
		var got []string
		for r, err := range d.Scan(t.Context(), c.scan) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, r.ID.Name())
		}
		if c.name == "below a subscription" { // in the order of the keys, whatever that is
			if len(got) != len(c.want) {
				t.Errorf("%s: %q", c.name, got)
			}
			continue
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

// TestWhatIsReadToBeChangedIsTheReadersOwn: a document in memory is one for all who
// look at it; Get and Scan give copies, whose changes nobody else sees.
func TestWhatIsReadToBeChangedIsTheReadersOwn(t *testing.T) {
	s := storetest.New(t)
	following, stop := context.WithCancel(context.WithoutCancel(t.Context())) // the cleanup waits for its end
	ended, err := s.Follow(following, documents.Prefix+"/", clock.RealClock{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(); <-ended })
	id := armid.ResourceGroup("5", "g")
	raw, err := (&resource.Resource{ID: id, Tags: map[string]string{"a": "1"}}).Store()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Txn(t.Context(), nil, []store.Op{store.Put(documents.Key(id), raw)}); err != nil {
		t.Fatal(err)
	}
	d := documents.New(s)
	change := func(r *resource.Resource, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		r.Tags["a"], r.Location = "changed", "elsewhere"
	}
	change(d.Get(t.Context(), id))
	for r, err := range d.Scan(t.Context(), documents.Scan{Scope: armid.Subscription("5"), Type: armid.ResourceGroupType, Direct: true}) {
		change(r, err)
	}
	seen, err := d.Look(t.Context(), id)
	if err != nil || seen.Tags["a"] != "1" || seen.Location != "" {
		t.Errorf("%+v, %v", seen, err)
	}
	if none, err := d.Get(t.Context(), armid.ResourceGroup("5", "none")); none != nil || err != nil {
		t.Errorf("%v, %v", none, err)
	}
}

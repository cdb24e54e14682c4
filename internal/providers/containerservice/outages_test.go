package containerservice_test

import (
	"testing"
	"time"

	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/store"
	"github.com/lanyard-project/lanyard/internal/store/storetest"
)

// TestOutagesAreWhatTheStoreSays: whose tokens can't be had is what the newest state of the clusters says, whoever wrote it
// and whatever became of the process that did.
func TestOutagesAreWhatTheStoreSays(t *testing.T) {
	t.Parallel()
	s, endpoint := storetest.NewShared(t)
	theirs, err := store.Open(store.Config{Endpoints: []string{endpoint}})
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	w := newWorldOn(t, s)
	p := w.start()
	c := p.works("demo", simple)
	write := func(by *store.Store, state string) {
		t.Helper()
		op := store.Delete(resource.StoreKey(c.ID))
		if state != "" {
			next := c.Clone()
			next.ProvisioningState = state
			raw, err := next.Store()
			if err != nil {
				t.Fatal(err)
			}
			op = store.Put(resource.StoreKey(c.ID), raw)
		}
		if _, err := by.Txn(t.Context(), nil, []store.Op{op}); err != nil {
			t.Fatal(err)
		}
	}
	away := func() bool { return p.provider.Unavailable(c.Identity.PrincipalID) }
	for _, one := range []struct {
		what  string
		state string // empty: removed
		away  bool
	}{
		{"an upgrade begins", "Upgrading", true},
		{"it ends", "Succeeded", false},
		{"the next one", "Upgrading", true},
		{"deleted in it", "", false},
		{"made again and upgraded", "Upgrading", true},
		{"it fails", "Failed", false},
	} {
		if write(s, one.state); away() != one.away {
			t.Errorf("%s: unavailable %t, want %t", one.what, !one.away, one.away)
		}
		// What another process writes is heard of by the watch. It writes the opposite, and then this again.
		for _, want := range []bool{!one.away, one.away} {
			if want {
				write(theirs, "Upgrading")
			} else {
				write(theirs, "Succeeded")
			}
			for end := time.Now().Add(patience); away() != want && time.Now().Before(end); {
				time.Sleep(time.Millisecond)
			}
			if away() != want {
				t.Errorf("%s, elsewhere: unavailable %t, want %t", one.what, !want, want)
			}
		}
	}
	p.stop()
	write(theirs, "Upgrading")
	if p = w.start(); !away() {
		t.Error("a process that begins while a cluster is upgraded doesn't know")
	}
	p.stop()
}

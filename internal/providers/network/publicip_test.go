package network

import (
	"testing"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/providers/shape"
	"github.com/lanyard-project/lanyard/internal/store/storetest"
)

// TestPublicAddressIsGivenBackByItsOwner only: a deletion gives it back when it begins, and
// one that failed is tried again when somebody else may have it.
func TestPublicAddressIsGivenBackByItsOwner(t *testing.T) {
	deps := shape.Deps{Store: storetest.New(t)}
	set := armid.ResourceGroup("6f1a2b3c-0000-4000-8000-000000000001", "rg").Extension("Microsoft.Compute", "virtualMachineScaleSets", "set")
	former, owner := set.Child("virtualMachines", "0"), set.Child("virtualMachines", "1")
	var claim providers.Request
	address, err := ClaimPublic(t.Context(), deps, &claim, owner)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := deps.Store.Txn(t.Context(), claim.Conds, claim.Ops); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		by   armid.ID
		left string
	}{{former, owner.String()}, {owner, ""}, {owner, ""}} {
		var r providers.Request
		if err := ReleasePublic(t.Context(), deps, &r, c.by, address); err != nil {
			t.Fatal(err)
		}
		if len(r.Ops) > 0 {
			if _, err := deps.Store.Txn(t.Context(), r.Conds, r.Ops); err != nil {
				t.Fatal(err)
			}
		}
		if has, err := deps.Holder(t.Context(), addressSpace, address.String()); err != nil || has != c.left {
			t.Errorf("given back by %s: %q has it (%v), want %q", c.by.Name(), has, err, c.left)
		}
	}
}

package rbac

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lanyard-project/lanyard/internal/arm/armid"
)

func TestScopeKeyWalksAsArmidDoes(t *testing.T) {
	const group = "/subscriptions/S/resourceGroups/G"
	for _, text := range []string{
		"/",
		"/subscriptions/S",
		"/subscriptions/S/providers/Microsoft.Compute",
		"/subscriptions/S/locations/westus2",
		group,
		group + "/providers/Microsoft.Compute/virtualMachineScaleSets/V",
		group + "/providers/Microsoft.Compute/virtualMachineScaleSets/V/virtualMachines/0",
		group + "/providers/Microsoft.Compute/virtualMachineScaleSets/providers/virtualMachines/0",
		group + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/I/providers/Microsoft.Authorization/roleAssignments/A",
		"/subscriptions/S/providers/Microsoft.Authorization/roleAssignments/A",
		"/subscriptions/S/providers/Microsoft.Features/providers/Microsoft.ContainerService/features/F",
		"/providers/Microsoft.Authorization/roleDefinitions/R",
		"/providers/Microsoft.Management/managementGroups/M/providers/Microsoft.Authorization/roleAssignments/A",
	} {
		t.Run(text, func(t *testing.T) {
			id := armid.MustParse(text)
			var want, got []string
			for scope := range id.Scopes() {
				want = append(want, scope.Key())
			}
			walk := levels{key: id.Key()}
			for at, more := walk.next(); more; at, more = walk.next() {
				got = append(got, at)
			}
			slices.Reverse(got)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("scopes (-armid +ours):\n%s", diff)
			}
		})
	}
}

func FuzzScopeKey(f *testing.F) {
	f.Add("/subscriptions/S/resourceGroups/G/providers/A.B/c/d/providers/E.F/g/h")
	f.Add("/subscriptions/S/providers/A.B/providers/c/d/e")
	f.Add("/providers/a/b/providers/providers/c")
	f.Fuzz(func(t *testing.T, text string) {
		id, err := armid.Parse(text)
		if err != nil {
			return
		}
		var want, got []string
		for scope := range id.Scopes() {
			want = append(want, scope.Key())
		}
		walk := levels{key: id.Key()}
		for at, more := walk.next(); more; at, more = walk.next() {
			got = append(got, at)
		}
		slices.Reverse(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("scopes of %q (-armid +ours):\n%s", text, diff)
		}
	})
}

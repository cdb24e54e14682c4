package scaleset_test

import (
	"testing"

	"github.com/lanyard-project/lanyard/internal/cluster/scaleset"
)

func TestFromProviderID(t *testing.T) {
	want := scaleset.ID{Subscription: "sub-1", ResourceGroup: "mc_rg", Name: "aks-pool-vmss"}
	tests := []struct {
		name, providerID string
		want             scaleset.ID
		ok               bool
	}{
		{"as AKS writes it", "azure:///subscriptions/SUB-1/resourceGroups/MC_rg/providers/Microsoft.Compute/virtualMachineScaleSets/aks-pool-vmss/virtualMachines/0", want, true},
		{"any letter case", "azure:///SUBSCRIPTIONS/sub-1/RESOURCEGROUPS/mc_RG/providers/microsoft.compute/VIRTUALMACHINESCALESETS/AKS-pool-vmss/virtualmachines/12", want, true},
		{"single machine", "azure:///subscriptions/S/resourceGroups/G/providers/Microsoft.Compute/virtualMachines/Node-1",
			scaleset.ID{Subscription: "s", ResourceGroup: "g", Name: "node-1", Machine: true}, true},
		{"instance of a flexible scale set", "azure:///subscriptions/s/resourceGroups/mc_rg/providers/Microsoft.Compute/virtualMachines/aks-pool-12345678-vmss_1a2b3c4d",
			scaleset.ID{Subscription: "s", ResourceGroup: "mc_rg", Name: "aks-pool-12345678-vmss_1a2b3c4d", Machine: true}, true},
		{"an extension of a machine", "azure:///subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/v/extensions/e", scaleset.ID{}, false},
		{"the set without an instance", "azure:///subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachineScaleSets/v", scaleset.ID{}, false},
		{"other cloud", "kind://docker/kind/kind-worker", scaleset.ID{}, false},
		{"empty", "", scaleset.ID{}, false},
		{"only the scheme", "azure://", scaleset.ID{}, false},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			got, err := scaleset.FromProviderID(tc.providerID)
			if got != tc.want || (err == nil) != tc.ok {
				t.Fatalf("got %+v, %v", got, err)
			}
			if !tc.ok {
				return
			}
			if again, err := scaleset.ParseID(got.String()); err != nil || again != got {
				t.Errorf("ParseID(%q) = %+v, %v", got, again, err)
			}
		})
	}
}

func FuzzFromProviderID(f *testing.F) {
	f.Add("azure:///subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachineScaleSets/v/virtualMachines/0")
	f.Add("azure:///subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/v")
	f.Add("azure:////")
	f.Fuzz(func(t *testing.T, text string) {
		id, err := scaleset.FromProviderID(text)
		if err != nil {
			return
		}
		if again, err := scaleset.ParseID(id.String()); err != nil || again != id {
			t.Errorf("%q gives %+v, whose ID reads back as %+v, %v", text, id, again, err)
		}
	})
}

package providers_test

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/compute/armcompute/v7"
	"github.com/google/go-cmp/cmp"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/providers/compute"
)

// TestInstancesThatHaveToGo has certain instances deleted, as a cluster autoscaler does with the SDK.
func TestInstancesThatHaveToGo(t *testing.T) {
	f := newCloud(t)
	set := armid.MustParse(setPath)
	f.must(201, "PUT", setURL, `{"location":"westus2","sku":{"name":"Standard_DS2_v2","capacity":3}}`)
	for i := range 3 {
		if err := f.compute.EnsureInstance(t.Context(), f.admin, set, compute.Instance{
			Number: i, ComputerName: "n", VMID: "id", VNet: armid.MustParse(vnetPath), Subnet: netip.MustParsePrefix("10.240.0.0/16"), Address: netip.AddrFrom4([4]byte{10, 240, 0, byte(4 + i)}),
		}); err != nil {
			t.Fatal(err)
		}
	}
	cred, options := f.as(ownerID)
	client, err := armcompute.NewVirtualMachineScaleSetsClient(subscription, cred, options)
	if err != nil {
		t.Fatal(err)
	}
	remove := func(ids ...string) error {
		poller, err := client.BeginDeleteInstances(t.Context(), "nodes", set.Name(), armcompute.VirtualMachineScaleSetVMInstanceRequiredIDs{InstanceIDs: to.SliceOfPtrs(ids...)}, nil)
		if err != nil {
			return err
		}
		_, err = poller.PollUntilDone(t.Context(), nil)
		return err
	}
	wanted := func(capacity int, going ...int) {
		t.Helper()
		document, err := f.engine.Get(t.Context(), set)
		if err != nil {
			t.Fatal(err)
		}
		has, leaving, err := compute.Wanted(document)
		if err != nil || has != capacity || !cmp.Equal(leaving, going) {
			t.Errorf("capacity %d without %v, want %d without %v (%v)", has, leaving, capacity, going, err)
		}
	}
	wanted(3)
	if err := remove("1"); err != nil {
		t.Fatal(err)
	}
	wanted(2, 1)
	if err := remove("1"); err != nil { // asked twice
		t.Fatal(err)
	}
	wanted(2, 1)
	if err := f.compute.DeleteInstance(t.Context(), f.admin, set, 1); err != nil {
		t.Fatal(err)
	}
	if err := remove("0"); err != nil {
		t.Fatal(err)
	}
	wanted(1, 0)
	var refused *azcore.ResponseError
	if err := remove("9"); !errors.As(err, &refused) || refused.ErrorCode != "InvalidParameter" {
		t.Errorf("an instance that isn't there: %v", err)
	}
	wanted(1, 0)
	f.must(200, "PATCH", setURL, `{"sku":{"name":"Standard_DS2_v2","capacity":4}}`)
	wanted(4, 0)
	for _, capacity := range []string{"-1", "1001", "1.5", `"many"`} {
		f.must(400, "PATCH", setURL, `{"sku":{"name":"Standard_DS2_v2","capacity":`+capacity+`}}`)
	}
	wanted(4, 0)
	f.must(200, "PUT", setURL, `{"location":"westus2","sku":{"name":"Standard_DS2_v2"}}`)
	wanted(-1, 0)
}

package providers_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/network/armnetwork/v6"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers/network"
)

const netVersion = "?api-version=2022-01-01"

func vnetBody(space string, subnets ...string) string {
	var parts []string
	for _, s := range subnets {
		name, prefix, _ := strings.Cut(s, "=")
		parts = append(parts, fmt.Sprintf(`{"name":%q,"properties":{"addressPrefix":%q}}`, name, prefix))
	}
	return fmt.Sprintf(`{"location":"westus2","properties":{"addressSpace":{"addressPrefixes":[%q]},"subnets":[%s]}}`, space, strings.Join(parts, ","))
}

func subnetBody(prefix string) string {
	return fmt.Sprintf(`{"properties":{"addressPrefix":%q}}`, prefix)
}

// TestVNetAsAzCreatesIt sends what az network vnet create sends.
func TestVNetAsAzCreatesIt(t *testing.T) {
	f := newCloud(t)
	got := f.must(201, "PUT", vnetPath+netVersion, `{"location":"westus2","tags":{},"properties":{"addressSpace":{"addressPrefixes":["10.0.0.0/8"]},"enableDdosProtection":false,"enableVmProtection":false,"subnets":[{"name":"default","properties":{"addressPrefix":"10.240.0.0/16"}}]}}`)
	props := got["properties"].(map[string]any)
	if props["provisioningState"] != "Succeeded" || props["resourceGuid"] == "" || props["enableVmProtection"] != false {
		t.Errorf("got %v", props)
	}
	inline := props["subnets"].([]any)[0].(map[string]any)
	subnet := f.must(200, "GET", vnetPath+"/subnets/default"+netVersion, "")
	if diff := cmp.Diff(inline, subnet); diff != "" {
		t.Errorf("the subnet (-in the network +by itself):\n%s", diff)
	}
	want := map[string]any{
		"id": vnetPath + "/subnets/default", "name": "default", "type": "Microsoft.Network/virtualNetworks/subnets", "etag": subnet["etag"],
		"properties": map[string]any{
			"provisioningState": "Succeeded", "addressPrefix": "10.240.0.0/16", "delegations": []any{},
			"privateEndpointNetworkPolicies": "Disabled", "privateLinkServiceNetworkPolicies": "Enabled",
		},
	}
	if diff := cmp.Diff(want, subnet); diff != "" {
		t.Errorf("subnet (-want +got):\n%s", diff)
	}
	// What a client read can be sent back, and nothing changes.
	read := f.must(200, "GET", vnetPath+netVersion, "")
	echo, err := json.Marshal(read)
	if err != nil {
		t.Fatal(err)
	}
	written := f.must(200, "PUT", vnetPath+netVersion, string(echo))
	delete(read, "etag")
	delete(written, "etag")
	if diff := cmp.Diff(read, written); diff != "" {
		t.Errorf("its own document put back (-read +answered):\n%s", diff)
	}
	// A subnet that is sent as it was stays the same resource.
	raw := strings.Replace(vnetBody("10.0.0.0/8", "default=10.240.0.0/16", "more=10.1.0.0/24"), `"location"`, `"etag":"x","location"`, 1)
	again := f.must(200, "PUT", vnetPath+netVersion, raw)
	if n := len(again["properties"].(map[string]any)["subnets"].([]any)); n != 2 {
		t.Errorf("%d subnets, want 2", n)
	}
	if after := f.must(200, "GET", vnetPath+"/subnets/default"+netVersion, ""); after["etag"] != subnet["etag"] {
		t.Error("an unchanged subnet was written")
	}
	if again["properties"].(map[string]any)["resourceGuid"] != props["resourceGuid"] {
		t.Error("resourceGuid changed")
	}
	// Without the list subnets stay, with a shorter one they go.
	f.must(200, "PUT", vnetPath+netVersion, `{"location":"westus2","properties":{"addressSpace":{"addressPrefixes":["10.0.0.0/8"]}}}`)
	f.must(200, "PATCH", vnetPath+netVersion, `{"tags":{"a":"b"}}`)
	f.must(200, "GET", vnetPath+"/subnets/more"+netVersion, "")
	f.must(200, "PUT", vnetPath+netVersion, vnetBody("10.0.0.0/8", "default=10.240.0.0/16"))
	f.refused(ownerID, 404, "NotFound", "GET", vnetPath+"/subnets/more"+netVersion, "")
	f.refused(ownerID, 404, "ResourceNotFound", "GET", vnetPath+"none/subnets/more"+netVersion, "")
}

// TestSubnetTakesItsAssignmentsAlong removes a subnet with its network's document:
// who had a role on it must not have one on the next subnet of that name.
func TestSubnetTakesItsAssignmentsAlong(t *testing.T) {
	f := newCloud(t)
	f.must(201, "PUT", vnetPath+netVersion, vnetBody("10.0.0.0/16", "a=10.0.0.0/24", "b=10.0.1.0/24"))
	name := uuid.NewString()
	assignments := map[string]string{}
	for _, subnet := range []string{"a", "b"} {
		assignments[subnet] = assignmentPath(vnetPath+"/subnets/"+subnet, name) + assignVer
		f.must(201, "PUT", assignments[subnet], assignBody(readerRole, f.principalOf("demo-"+subnet)))
	}
	f.must(200, "PUT", vnetPath+netVersion, vnetBody("10.0.0.0/16", "a=10.0.0.0/24"))
	f.must(200, "PUT", vnetPath+netVersion, vnetBody("10.0.0.0/16", "a=10.0.0.0/24", "b=10.0.1.0/24"))
	f.must(200, "GET", assignments["a"], "")
	f.refused(ownerID, 404, "RoleAssignmentNotFound", "GET", assignments["b"], "")
}

func TestNetworkRefusals(t *testing.T) {
	f := newCloud(t)
	f.must(201, "PUT", vnetPath+netVersion, vnetBody("10.0.0.0/16", "a=10.0.0.0/24"))
	sub := vnetPath + "/subnets/"
	tests := []struct{ name, path, body, code, message string }{
		{"no address space", vnetPath + "2", `{"location":"westus2","properties":{}}`, "InvalidRequestFormat", ""},
		{"not a prefix", vnetPath + "2", vnetBody("10.0.0.0"), "InvalidCIDRNotation", ""},
		{"host bits", vnetPath + "2", vnetBody("10.0.0.1/16"), "InvalidCIDRNotation",
			"The address prefix 10.0.0.1/16 in resource " + vnetPath + "2 has an invalid CIDR notation. For the given prefix length, the address prefix should be 10.0.0.0/16."},
		{"the platform's addresses", vnetPath + "2", vnetBody("169.254.0.0/16"), "AddressPrefixNotAllowed", ""},
		{"the platform's address inside", vnetPath + "2", vnetBody("168.0.0.0/8"), "AddressPrefixNotAllowed", ""},
		{"inline overlap", vnetPath + "2", vnetBody("10.0.0.0/16", "a=10.0.0.0/24", "b=10.0.0.128/25"), "NetcfgSubnetRangesOverlap",
			"Subnet 'a' is not valid because its IP address range overlaps with that of an existing subnet in virtual network 'net2'."},
		{"inline twice", vnetPath + "2", vnetBody("10.0.0.0/16", "a=10.0.0.0/24", "A=10.0.1.0/24"), "InvalidRequestFormat", ""},
		{"inline with a bad name", vnetPath + "2", vnetBody("10.0.0.0/16", "a/b=10.0.0.0/24"), "InvalidResourceName", ""},
		{"outside", sub + "b", subnetBody("10.1.0.0/24"), "NetcfgInvalidSubnet", "Subnet 'b' is not valid in virtual network 'net'."},
		{"larger than the network", sub + "b", subnetBody("10.0.0.0/8"), "NetcfgInvalidSubnet", ""},
		{"too small", sub + "b", subnetBody("10.0.1.0/30"), "NetcfgInvalidSubnet", ""},
		{"no prefix", sub + "b", `{"properties":{}}`, "InvalidRequestFormat", ""},
		{"overlap", sub + "b", subnetBody("10.0.0.128/25"), "NetcfgSubnetRangesOverlap",
			"Subnet 'b' is not valid because its IP address range overlaps with that of an existing subnet in virtual network 'net'."},
		{"a space that leaves a subnet outside", vnetPath, `{"location":"westus2","properties":{"addressSpace":{"addressPrefixes":["10.1.0.0/16"]}}}`, "NetcfgInvalidSubnet", ""},
		{"a malformed reference", sub + "b", `{"properties":{"addressPrefix":"10.0.1.0/24","networkSecurityGroup":{"id":"x"}}}`, "LinkedInvalidPropertyId", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := &fixture{TB: t, server: f.server}
			if message := f.refused(ownerID, 400, tt.code, "PUT", tt.path+netVersion, tt.body); tt.message != "" && message != tt.message {
				t.Errorf("message:\n got %s\nwant %s", message, tt.message)
			}
		})
	}
}

func TestNetworkSDK(t *testing.T) {
	f := newCloud(t)
	cred, options := f.as(ownerID)
	vnets, err := armnetwork.NewVirtualNetworksClient(subscription, cred, options)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	create, err := vnets.BeginCreateOrUpdate(ctx, "g", "net", armnetwork.VirtualNetwork{Location: to.Ptr("westus2"), Properties: &armnetwork.VirtualNetworkPropertiesFormat{
		AddressSpace: &armnetwork.AddressSpace{AddressPrefixes: []*string{to.Ptr("10.0.0.0/8")}},
	}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if made, err := create.PollUntilDone(ctx, nil); err != nil || *made.Properties.ProvisioningState != armnetwork.ProvisioningStateSucceeded || *made.Etag == "" {
		t.Fatalf("network: %+v %v", made, err)
	}
	subnets, err := armnetwork.NewSubnetsClient(subscription, cred, options)
	if err != nil {
		t.Fatal(err)
	}
	add, err := subnets.BeginCreateOrUpdate(ctx, "g", "net", "nodes", armnetwork.Subnet{Properties: &armnetwork.SubnetPropertiesFormat{AddressPrefix: to.Ptr("10.240.0.0/16")}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if made, err := add.PollUntilDone(ctx, nil); err != nil || *made.ID != vnetPath+"/subnets/nodes" {
		t.Fatalf("subnet: %+v %v", made, err)
	}
	got, err := vnets.Get(ctx, "g", "net", nil)
	if err != nil || len(got.Properties.Subnets) != 1 {
		t.Errorf("network: %+v %v", got, err)
	}
	page, err := vnets.NewListAllPager(nil).NextPage(ctx)
	if err != nil || len(page.Value) != 1 || len(page.Value[0].Properties.Subnets) != 1 {
		t.Errorf("list: %+v %v", page.Value, err)
	}
	remove, err := subnets.BeginDelete(ctx, "g", "net", "nodes", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := remove.PollUntilDone(ctx, nil); err != nil {
		t.Fatal(err)
	}
	drop, err := vnets.BeginDelete(ctx, "g", "net", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := drop.PollUntilDone(ctx, nil); err != nil {
		t.Fatal(err)
	}
}

func TestAllocate(t *testing.T) {
	f := newCloud(t)
	f.must(201, "PUT", vnetPath+netVersion, vnetBody("10.0.0.0/16", "s=10.0.1.0/26"))
	subnet := armid.MustParse(vnetPath + "/subnets/s")
	ctx := t.Context()
	take := func(owner string, bits int, want string) {
		t.Helper()
		got, err := f.network.Allocate(ctx, subnet, owner, bits)
		if err != nil || got.String() != want {
			t.Errorf("%s /%d: got %v %v, want %s", owner, bits, got, err, want)
		}
	}
	take("node0", 32, "10.0.1.4/32") // 0 to 3 are the platform's
	take("node1", 32, "10.0.1.5/32")
	take("pods0", 29, "10.0.1.8/29")
	take("node2", 32, "10.0.1.6/32")
	take("pods1", 28, "10.0.1.16/28")
	take("pods2", 28, "10.0.1.32/28")
	take("node0", 32, "10.0.1.4/32") // the same again
	take("node0", 29, "10.0.1.48/29")
	for owner, bits := range map[string]int{"big": 28, "bigger": 26, "biggest": 25} { // the last block has the last address
		if _, err := f.network.Allocate(ctx, subnet, owner, bits); !rest.HasCode(err, "SubnetIsFull") {
			t.Errorf("%s: got %v, want SubnetIsFull", owner, err)
		}
	}
	if err := f.network.Release(ctx, subnet, "pods1"); err != nil {
		t.Fatal(err)
	}
	take("pods3", 29, "10.0.1.16/29")

	f.refused(ownerID, 400, "InUsePrefixCannotBeDeleted", "PUT", subnet.String()+netVersion, subnetBody("10.0.2.0/24"))
	f.refused(ownerID, 400, "InUseSubnetCannotBeDeleted", "DELETE", subnet.String()+netVersion, "")
	f.refused(ownerID, 400, "InUseSubnetCannotBeDeleted", "DELETE", vnetPath+netVersion, "")
	f.refused(ownerID, 400, "InUseSubnetCannotBeDeleted", "PUT", vnetPath+netVersion, vnetBody("10.0.0.0/16"))
	owners, err := f.network.OwnersOf(ctx, subnet)
	if err != nil {
		t.Fatal(err)
	}
	for _, owner := range append(owners, "nobody") {
		if err := f.network.Release(ctx, subnet, owner); err != nil {
			t.Fatal(err)
		}
	}
	f.must(200, "DELETE", vnetPath+netVersion, "")
	if _, err := f.network.Allocate(ctx, subnet, "late", 32); !rest.IsNotFound(err) {
		t.Errorf("from a subnet that is gone: %v", err)
	}
}

// TestAllocateRaces: processes that allocate and release at once never hold the
// same address at the same time, and use the subnet up exactly.
func TestAllocateRaces(t *testing.T) {
	f := newCloud(t)
	f.must(201, "PUT", vnetPath+netVersion, vnetBody("10.0.0.0/16", "s=10.0.1.0/27"))
	subnet := armid.MustParse(vnetPath + "/subnets/s")
	processes := []*network.Provider{f.network, network.New(network.Config{Store: f.store, Resources: f.engine})}
	const usable = 32 - 5
	var mu sync.Mutex
	held := map[netip.Prefix]string{}
	full := 0
	var workers sync.WaitGroup
	for w := range 8 {
		workers.Go(func() {
			for i := range 5 {
				owner := fmt.Sprintf("w%d-%d", w, i)
				p := processes[(w+i)%2]
				got, err := p.Allocate(t.Context(), subnet, owner, 32)
				mu.Lock()
				switch other, taken := held[got]; {
				case rest.HasCode(err, "SubnetIsFull"):
					full++
				case err != nil:
					t.Error(err)
				case taken:
					t.Errorf("%s was given to %s and %s", got, other, owner)
				default:
					held[got] = owner
				}
				mu.Unlock()
			}
		})
	}
	workers.Wait()
	if len(held) != usable || full != 40-usable {
		t.Errorf("%d addresses given and %d refused, want %d and %d", len(held), full, usable, 40-usable)
	}
}

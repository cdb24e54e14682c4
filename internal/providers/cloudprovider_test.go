package providers_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/compute/armcompute/v7"
	"github.com/google/go-cmp/cmp"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/providers/compute"
)

// The calls of Azure's own cloud provider, as docs/compatibility/cloud-provider-azure.md lists
// them, which no client of ours makes.

// instances makes as many in the test's scale set, at addresses that nobody else is given.
func (f *fixture) instances(n int) {
	f.Helper()
	for i := range n {
		if err := f.compute.EnsureInstance(f.Context(), f.admin, armid.MustParse(setPath), compute.Instance{
			Number: i, ComputerName: fmt.Sprintf("aks00000%d", i), VMID: fmt.Sprintf("vm-%d", i), VNet: armid.MustParse(netPath + "virtualNetworks/v"),
			Subnet: netip.MustParsePrefix("10.0.0.0/24"), Address: netip.AddrFrom4([4]byte{10, 0, 0, byte(100 + i)}),
		}); err != nil {
			f.Fatal(err)
		}
	}
}

// etag is the tag of a document as it is read.
func (f *fixture) etag(path string) string {
	f.Helper()
	tag, _ := f.must(200, "GET", path, "")["etag"].(string)
	if tag == "" {
		f.Fatalf("%s has no etag", path)
	}
	return tag
}

// TestTwoWritersOfWhatACloudProviderWrites: who wrote by what he has read is refused with 412
// when another one was faster, and nothing is changed; with what there is now he succeeds.
func TestTwoWritersOfWhatACloudProviderWrites(t *testing.T) {
	f := newCloud(t)
	for path, bodies := range map[string][2]string{
		netPath + "loadBalancers/kubernetes" + docVersion: {
			`{"location":"westus2","sku":{"name":"Standard"},"properties":{"backendAddressPools":[{"name":"kubernetes"}]}}`,
			`{"location":"westus2","sku":{"name":"Standard"},"properties":{"backendAddressPools":[{"name":"kubernetes"},{"name":"other"}]}}`,
		},
		netPath + "networkSecurityGroups/nsg" + docVersion: {
			`{"location":"westus2","properties":{"securityRules":[]}}`,
			`{"location":"westus2","properties":{"securityRules":[{"name":"web","properties":{"protocol":"Tcp","access":"Allow","direction":"Inbound","priority":500,"sourceAddressPrefix":"Internet","sourcePortRange":"*","destinationAddressPrefix":"198.18.0.1","destinationPortRange":"80"}}]}}`,
		},
		netPath + "routeTables/routes" + docVersion: {
			`{"location":"westus2","properties":{"routes":[]}}`,
			`{"location":"westus2","properties":{"routes":[{"name":"node0","properties":{"addressPrefix":"10.244.0.0/24","nextHopType":"VirtualAppliance","nextHopIpAddress":"10.240.0.4"}}]}}`,
		},
		netPath + "publicIPAddresses/ip" + docVersion: {
			`{"location":"westus2","sku":{"name":"Standard"}}`,
			`{"location":"westus2","sku":{"name":"Standard"},"tags":{"k8s-azure-service":"default/web"}}`,
		},
		setPath + "?api-version=2024-07-01": {
			`{"location":"westus2","sku":{"name":"Standard_DS2_v2","capacity":1}}`,
			`{"location":"westus2","sku":{"name":"Standard_DS2_v2","capacity":2}}`,
		},
	} {
		f.must(http.StatusCreated, "PUT", path, bodies[0])
		read := f.etag(path)
		if status := f.header("PUT", path, bodies[1], "If-Match", read); status != http.StatusOK {
			t.Errorf("%s: the faster one got %d", path, status)
		}
		between := f.must(200, "GET", path, "")
		if status := f.header("PUT", path, bodies[0], "If-Match", read); status != http.StatusPreconditionFailed {
			t.Errorf("%s: the slower one got %d", path, status)
		}
		if status := f.header("DELETE", path, "", "If-Match", read); status != http.StatusPreconditionFailed {
			t.Errorf("%s: who deletes what he has read got %d", path, status)
		}
		f.has(f.must(200, "GET", path, ""), between["etag"], "etag")
		if status := f.header("PUT", path, bodies[0], "If-Match", f.etag(path)); status != http.StatusOK {
			t.Errorf("%s: the slower one, having read again, got %d", path, status)
		}
	}
}

// TestRoutesOfNodes: with kubenet each node has a route, written and deleted one by one.
func TestRoutesOfNodes(t *testing.T) {
	f := newCloud(t)
	table := netPath + "routeTables/aks-routetable"
	f.must(201, "PUT", table+docVersion, `{"location":"westus2"}`)
	route := func(prefix, hop string) string {
		return `{"properties":{"addressPrefix":"` + prefix + `","nextHopType":"VirtualAppliance","nextHopIpAddress":"` + hop + `"}}`
	}
	f.must(201, "PUT", table+"/routes/node0____1024400024"+docVersion, route("10.244.0.0/24", "10.240.0.4"))
	f.must(201, "PUT", table+"/routes/node1____1024410024"+docVersion, route("10.244.1.0/24", "10.240.0.5"))
	read := f.must(200, "GET", table+docVersion, "")
	f.has(read, "10.240.0.4", "properties", "routes", 0, "properties", "nextHopIpAddress")
	f.has(read, "10.244.1.0/24", "properties", "routes", 1, "properties", "addressPrefix")
	f.must(200, "DELETE", table+"/routes/node0____1024400024"+docVersion, "")
	if left := at(f.must(200, "GET", table+docVersion, ""), "properties", "routes").([]any); len(left) != 1 {
		t.Errorf("routes: %v", left)
	}
	if status, _ := f.call(ownerID, "DELETE", table+"/routes/node0____1024400024"+docVersion, ""); status != http.StatusNoContent {
		t.Errorf("deleting it again: %d", status)
	}
	f.refused(ownerID, 404, "NotFound", "GET", table+"/routes/node0____1024400024"+docVersion, "")
}

// TestPoolsOfNodes: nodes come into backend pools by their scale set's network profile, by
// one instance's, and by their addresses; the pool shows them.
func TestPoolsOfNodes(t *testing.T) {
	f := newCloud(t)
	f.makeNetwork()
	subnet, pool := netPath+"virtualNetworks/v/subnets/s", netPath+"loadBalancers/kubernetes/backendAddressPools/kubernetes"
	f.must(201, "PUT", netPath+"loadBalancers/kubernetes"+docVersion, `{"location":"westus2","sku":{"name":"Standard"},"properties":{"backendAddressPools":[{"name":"kubernetes"}]}}`)
	profile := func(pools string) string {
		return `"networkInterfaceConfigurations":[{"name":"nic","properties":{"primary":true,"ipConfigurations":[{"name":"ipconfig1","properties":{"primary":true,"subnet":{"id":"` + subnet + `"},"loadBalancerBackendAddressPools":[` + pools + `]}}]}}]`
	}
	one := `{"id":"` + pool + `"}`
	f.must(201, "PUT", setURL, `{"location":"westus2","sku":{"name":"Standard_DS2_v2","capacity":1},"properties":{"virtualMachineProfile":{"osProfile":{"computerNamePrefix":"aks"},"networkProfile":{`+profile("")+`}}}}`)
	set, vnet := armid.MustParse(setPath), armid.MustParse(netPath+"virtualNetworks/v")
	if err := f.compute.EnsureInstance(t.Context(), f.admin, set, compute.Instance{
		Number: 0, ComputerName: "aks000000", VMID: "vm-id", VNet: vnet, Subnet: netip.MustParsePrefix("10.0.0.0/24"), Address: netip.MustParseAddr("10.0.0.4"),
	}); err != nil {
		t.Fatal(err)
	}
	// The scale set as the provider sends it: location, size and network profile alone.
	part := `{"location":"westus2","sku":{"name":"Standard_DS2_v2","capacity":1},"properties":{"virtualMachineProfile":{"networkProfile":{` + profile(one) + `}}}}`
	put := f.must(200, "PUT", setURL, part)
	f.has(put, "aks", "properties", "virtualMachineProfile", "osProfile", "computerNamePrefix")
	f.refused(ownerID, 400, "LoadBalancerInUse", "DELETE", pool+docVersion, "")
	nic := setPath + "/virtualMachines/0/networkInterfaces/nic"
	f.has(f.must(200, "GET", nic+"?api-version=2018-10-01", ""), pool, "properties", "ipConfigurations", 0, "properties", "loadBalancerBackendAddressPools", 0, "id")
	f.must(200, "PUT", setURL, `{"location":"westus2","sku":{"name":"Standard_DS2_v2","capacity":1},"properties":{"virtualMachineProfile":{"networkProfile":{`+profile("")+`}}}}`)

	// One instance, as it was read, with its own network profile.
	instance := setPath + "/virtualMachines/0" + computeVersion
	f.must(200, "PUT", instance, `{"location":"westus2","properties":{"networkProfileConfiguration":{`+profile(one)+`}}}`)
	f.has(f.must(200, "GET", instance, ""), pool, "properties", "networkProfileConfiguration", "networkInterfaceConfigurations", 0, "properties", "ipConfigurations", 0, "properties", "loadBalancerBackendAddressPools", 0, "id")
	f.must(200, "PUT", instance, `{"location":"westus2","properties":{"networkProfileConfiguration":{`+profile("")+`}}}`)

	// Pools by address.
	byAddress := netPath + "loadBalancers/kubernetes/backendAddressPools/byaddress" + docVersion
	f.must(201, "PUT", byAddress, `{"properties":{"loadBalancerBackendAddresses":[{"name":"aks000000","properties":{"ipAddress":"10.0.0.4","virtualNetwork":{"id":"`+vnet.String()+`"}}}]}}`)
	f.has(f.must(200, "GET", byAddress, ""), "10.0.0.4", "properties", "loadBalancerBackendAddresses", 0, "properties", "ipAddress")
	f.must(200, "DELETE", byAddress, "")
	f.must(200, "DELETE", pool+docVersion, "")
}

// TestAddressesOfInternalLoadBalancers: the provider asks whether an address is free before it
// takes it.
func TestAddressesOfInternalLoadBalancers(t *testing.T) {
	f := newCloud(t)
	f.makeNetwork()
	network := netPath + "virtualNetworks/v"
	ask := func(address string) string {
		return network + "/CheckIPAddressAvailability" + docVersion + "&ipAddress=" + address
	}
	f.has(f.must(200, "GET", ask("10.0.0.4"), ""), true, "available")
	f.has(f.must(200, "GET", ask("10.0.0.1"), ""), true, "isPlatformReserved")
	f.must(201, "PUT", netPath+"loadBalancers/internal"+docVersion, `{"location":"westus2","sku":{"name":"Standard"},"properties":{"frontendIPConfigurations":[
		{"name":"f","properties":{"subnet":{"id":"`+network+`/subnets/s"},"privateIPAllocationMethod":"Static","privateIPAddress":"10.0.0.4"}}]}}`)
	taken := f.must(200, "GET", ask("10.0.0.4"), "")
	f.has(taken, false, "available")
	f.has(taken, []any{"10.0.0.5", "10.0.0.6", "10.0.0.7", "10.0.0.8", "10.0.0.9"}, "availableIPAddresses")
	f.refused(ownerID, 400, "PrivateIPAddressNotInAnySubnet", "GET", ask("10.9.0.4"), "")
	f.refused(ownerID, 400, "InvalidIPAddressFormat", "GET", ask("ten"), "")
	f.refused(guestID, 403, "AuthorizationFailed", "GET", ask("10.0.0.4"), "")
	f.must(200, "DELETE", netPath+"loadBalancers/internal"+docVersion, "")
	f.has(f.must(200, "GET", ask("10.0.0.4"), ""), true, "available")
}

// TestWhatElseACloudProviderReads goes through the reads that nothing else here makes.
func TestWhatElseACloudProviderReads(t *testing.T) {
	f := newCloud(t)
	f.must(201, "PUT", netPath+"publicIPPrefixes/p"+docVersion, `{"location":"westus2","sku":{"name":"Standard"},"properties":{"prefixLength":30}}`)
	f.has(f.must(200, "GET", netPath+"publicIPPrefixes/p"+docVersion, ""), float64(30), "properties", "prefixLength")
	f.must(201, "PUT", netPath+"networkSecurityGroups/n"+docVersion, `{"location":"westus2"}`)
	f.has(f.must(200, "GET", netPath+"networkSecurityGroups"+docVersion, ""), "n", "value", 0, "name")
	f.has(f.must(200, "GET", computePath+"availabilitySets"+computeVersion, ""), []any{}, "value")
	disk := computePath + "disks/d" + diskVersion
	f.must(200, "PUT", disk, `{"location":"westus2","properties":{"creationData":{"createOption":"Empty"},"diskSizeGB":8}}`)
	snapshot := computePath + "snapshots/s" + diskVersion
	f.must(200, "PUT", snapshot, `{"location":"westus2","properties":{"creationData":{"createOption":"Copy","sourceResourceId":"`+computePath+`disks/d"}}}`)
	f.has(f.must(200, "GET", snapshot, ""), "Succeeded", "properties", "provisioningState")
	f.must(200, "DELETE", snapshot, "")
	f.refused(ownerID, 404, "ResourceNotFound", "GET", snapshot, "")
}

// TestPoolsBecomeOnesOfAddresses: with migrateToIpBased the provider has a pool know its
// machines by addresses. It counts as many as there were interfaces in it, and takes
// scale sets out of it afterwards.
func TestPoolsBecomeOnesOfAddresses(t *testing.T) {
	f := newCloud(t)
	f.makeNetwork()
	subnet, pool := netPath+"virtualNetworks/v/subnets/s", netPath+"loadBalancers/kubernetes/backendAddressPools/kubernetes"
	balancer := netPath + "loadBalancers/kubernetes"
	f.must(201, "PUT", balancer+docVersion, `{"location":"westus2","sku":{"name":"Standard"},"properties":{"backendAddressPools":[{"name":"kubernetes"},{"name":"empty"}]}}`)
	configurations := func(pools string) string {
		return `"ipConfigurations":[{"name":"ipconfig1","properties":{"primary":true,"subnet":{"id":"` + subnet + `"},"loadBalancerBackendAddressPools":[` + pools + `]}}]`
	}
	profile := func(pools string) string {
		return `{"location":"westus2","sku":{"name":"Standard_DS2_v2","capacity":2},"properties":{"virtualMachineProfile":{"networkProfile":{"networkInterfaceConfigurations":[{"name":"nic","properties":{"primary":true,` + configurations(pools) + `}}]}}}}`
	}
	in := `{"id":"` + pool + `"}`
	f.must(201, "PUT", setURL, profile(in))
	f.instances(2)
	f.must(201, "PUT", netPath+"networkInterfaces/single"+docVersion, `{"location":"westus2","properties":{`+configurations(in)+`}}`)

	members := at(f.must(200, "GET", pool+docVersion, ""), "properties", "backendIPConfigurations").([]any)
	var ids []string
	for _, m := range members {
		ids = append(ids, m.(map[string]any)["id"].(string))
	}
	slices.Sort(ids)
	if diff := cmp.Diff([]string{
		netPath + "networkInterfaces/single/ipConfigurations/ipconfig1",
		setPath + "/virtualMachines/0/networkInterfaces/nic/ipConfigurations/ipconfig1",
		setPath + "/virtualMachines/1/networkInterfaces/nic/ipConfigurations/ipconfig1",
	}, ids); diff != "" {
		t.Fatalf("interfaces in the pool (-want +got):\n%s", diff)
	}

	migrate := balancer + "/migrateToIpBased" + docVersion
	f.refused(guestID, 403, "AuthorizationFailed", "POST", migrate, `{"pools":["kubernetes"]}`)
	f.refused(ownerID, 404, "NotFound", "POST", migrate, `{"pools":["other"]}`)
	f.refused(ownerID, 400, "InvalidRequestContent", "POST", migrate, `{}`)
	f.has(f.must(200, "POST", migrate, `{"pools":["kubernetes","empty"]}`), []any{"kubernetes", "empty"}, "migratedPools")
	f.must(200, "POST", migrate, `{"pools":["kubernetes"]}`) // again: nothing twice
	read := f.must(200, "GET", pool+docVersion, "")
	addresses := at(read, "properties", "loadBalancerBackendAddresses").([]any)
	if len(addresses) != 3 {
		t.Errorf("addresses in the pool: %v", addresses)
	}
	f.has(read, "10.0.0.100", "properties", "loadBalancerBackendAddresses", 0, "properties", "ipAddress")
	f.has(read, netPath+"virtualNetworks/v", "properties", "loadBalancerBackendAddresses", 0, "properties", "virtualNetwork", "id")
	f.has(f.must(200, "GET", netPath+"networkInterfaces/single"+docVersion, ""), []any{}, "properties", "ipConfigurations", 0, "properties", "loadBalancerBackendAddressPools")
	f.must(200, "PUT", setURL, profile(""))
	if _, still := at(f.must(200, "GET", pool+docVersion, ""), "properties").(map[string]any)["backendIPConfigurations"]; still {
		t.Error("the pool still has interfaces")
	}
	f.must(200, "DELETE", balancer+docVersion, "")
}

// TestInterfaceInTwoPoolsThatMigrate: it is one document, written once, with both changes.
func TestInterfaceInTwoPoolsThatMigrate(t *testing.T) {
	f := newCloud(t)
	f.makeNetwork()
	balancer, nic := netPath+"loadBalancers/kubernetes", netPath+"networkInterfaces/single"+docVersion
	f.must(201, "PUT", balancer+docVersion, `{"location":"westus2","sku":{"name":"Standard"},"properties":{"backendAddressPools":[{"name":"one"},{"name":"two"}]}}`)
	in := func(names ...string) string {
		var pools []string
		for _, name := range names {
			pools = append(pools, `{"id":"`+balancer+"/backendAddressPools/"+name+`"}`)
		}
		return `"subnet":{"id":"` + netPath + `virtualNetworks/v/subnets/s"},"loadBalancerBackendAddressPools":[` + strings.Join(pools, ",") + `]`
	}
	f.must(201, "PUT", nic, `{"location":"westus2","properties":{"ipConfigurations":[
		{"name":"a","properties":{"primary":true,`+in("one", "two")+`}},{"name":"b","properties":{"primary":false,`+in("two")+`}}]}}`)
	f.must(200, "POST", balancer+"/migrateToIpBased"+docVersion, `{"pools":["one","two"]}`)
	left := f.must(200, "GET", nic, "")
	for i := range 2 {
		f.has(left, []any{}, "properties", "ipConfigurations", i, "properties", "loadBalancerBackendAddressPools")
	}
	for name, want := range map[string]int{"one": 1, "two": 2} {
		pool := f.must(200, "GET", balancer+"/backendAddressPools/"+name+docVersion, "")
		if addresses := at(pool, "properties", "loadBalancerBackendAddresses").([]any); len(addresses) != want {
			t.Errorf("addresses in pool %s: %v, want %d", name, addresses, want)
		}
	}
}

// TestPublicAddressesOfInstances: a scale set whose model wants them gives its instances
// public addresses, which are read below the interfaces' configurations.
func TestPublicAddressesOfInstances(t *testing.T) {
	f := newCloud(t)
	f.makeNetwork()
	subnet := netPath + "virtualNetworks/v/subnets/s"
	model := func(public string) string {
		return `{"location":"westus2","sku":{"name":"Standard_DS2_v2","capacity":2},"properties":{"virtualMachineProfile":{"networkProfile":{"networkInterfaceConfigurations":[{"name":"nic","properties":{"primary":true,"ipConfigurations":[
			{"name":"ipconfig1","properties":{"primary":true,"subnet":{"id":"` + subnet + `"}` + public + `}}]}}]}}}}`
	}
	f.must(201, "PUT", setURL, model(`,"publicIPAddressConfiguration":{"name":"pub","properties":{"idleTimeoutInMinutes":10}}`))
	f.instances(2)
	nic := setPath + "/virtualMachines/0/networkInterfaces/nic"
	shown := at(f.must(200, "GET", nic+"?api-version=2018-10-01", ""), "properties", "ipConfigurations", 0, "properties").(map[string]any)
	path := nic + "/ipConfigurations/ipconfig1/publicIPAddresses"
	f.has(shown, path+"/pub", "publicIPAddress", "id")
	if _, model := shown["publicIPAddressConfiguration"]; model {
		t.Error("the interface shows the model's configuration")
	}
	const version = "?api-version=2018-10-01"
	one := f.must(200, "GET", nic+"/ipconfigurations/ipconfig1/publicipaddresses/pub"+version, "")
	f.has(one, path+"/pub", "id")
	f.has(f.must(200, "GET", path+version, ""), "pub", "value", 0, "name")
	f.has(f.must(200, "GET", nic+"/ipConfigurations/ipconfig1"+version, ""), path+"/pub", "properties", "publicIPAddress", "id")
	f.refused(ownerID, 404, "ResourceNotFound", "GET", path+"/other"+version, "")
	all := at(f.must(200, "GET", setPath+"/publicipaddresses"+version, ""), "value").([]any)
	if len(all) != 2 || at(all[0], "properties", "ipAddress") == at(all[1], "properties", "ipAddress") {
		t.Errorf("public addresses of the set: %v", all)
	}
	address, err := netip.ParseAddr(at(one, "properties", "ipAddress").(string))
	if err != nil || !netip.MustParsePrefix("198.18.0.0/15").Contains(address) {
		t.Errorf("public address %v (%v)", address, err)
	}
	f.refused(guestID, 403, "AuthorizationFailed", "GET", path+version, "")

	// The model's word is for instances to come; without it none is shown.
	f.must(200, "PUT", setURL, model(""))
	f.has(f.must(200, "GET", path+version, ""), []any{}, "value")
	f.must(200, "DELETE", setURL, "")
}

// TestDeletionOfOneInstance goes on until the cluster that made it has let it go, and
// lowers the set's capacity.
func TestDeletionOfOneInstance(t *testing.T) {
	f := newCloud(t)
	f.worker()
	set := armid.MustParse(setPath)
	f.must(201, "PUT", setURL, `{"location":"westus2","sku":{"name":"Standard_DS2_v2","capacity":2}}`)
	f.instances(2)
	f.refused(guestID, 403, "AuthorizationFailed", "DELETE", setPath+"/virtualMachines/1"+computeVersion, "")
	cred, options := f.as(ownerID)
	client, err := armcompute.NewVirtualMachineScaleSetVMsClient(subscription, cred, options)
	if err != nil {
		t.Fatal(err)
	}
	poller, err := client.BeginDelete(t.Context(), "nodes", set.Name(), "1", nil)
	if err != nil {
		t.Fatal(err)
	}
	f.has(f.must(200, "GET", setPath+"/virtualMachines/1"+computeVersion, ""), "Deleting", "properties", "provisioningState")
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		document, err := f.engine.Get(t.Context(), set)
		if err != nil {
			t.Fatal(err)
		}
		capacity, leaving, err := compute.Wanted(document)
		if err == nil && capacity == 1 && slices.Equal(leaving, []int{1}) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("capacity %d without %v (%v), want 1 without 1", capacity, leaving, err)
		}
	}
	if poller.Done() {
		t.Error("the deletion ended before the instance was let go")
	}
	if err := f.compute.DeleteInstance(t.Context(), f.admin, set, 1); err != nil { // as the cluster does
		t.Fatal(err)
	}
	if _, err := poller.PollUntilDone(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	f.refused(ownerID, 404, "ResourceNotFound", "GET", setPath+"/virtualMachines/1"+computeVersion, "")
	f.must(200, "GET", setPath+"/virtualMachines/0"+computeVersion, "")
	if err := f.compute.DeleteInstance(t.Context(), f.admin, set, 0); err != nil { // by the cluster's own will
		t.Fatal(err)
	}
	f.refused(ownerID, 404, "ResourceNotFound", "GET", setPath+"/virtualMachines/0"+computeVersion, "")
}

package conformance

import (
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/network/armnetwork/v6"
)

func networkClients(t *testing.T, options *arm.ClientOptions) *armnetwork.ClientFactory {
	t.Helper()
	return must[*armnetwork.ClientFactory](t, "making clients")(armnetwork.NewClientFactory(cloud.Subscription, cloud.credential, options))
}

func addressed(prefix string) armnetwork.VirtualNetwork {
	return armnetwork.VirtualNetwork{Location: ptr(location), Properties: &armnetwork.VirtualNetworkPropertiesFormat{
		AddressSpace: &armnetwork.AddressSpace{AddressPrefixes: to.SliceOfPtrs(prefix)},
	}}
}

func TestVirtualNetworks(t *testing.T) {
	ctx, in := t.Context(), group(t)
	clients := networkClients(t, cloud.options)
	vnets, subnets := clients.NewVirtualNetworksClient(), clients.NewSubnetsClient()
	subnet := func(prefix string) armnetwork.Subnet {
		return armnetwork.Subnet{Properties: &armnetwork.SubnetPropertiesFormat{AddressPrefix: &prefix}}
	}
	made := done[armnetwork.VirtualNetworksClientCreateOrUpdateResponse](t, "making a network")(vnets.BeginCreateOrUpdate(ctx, in, "net", addressed("10.80.0.0/16"), nil))
	if *made.Properties.ProvisioningState != armnetwork.ProvisioningStateSucceeded || made.Etag == nil {
		t.Errorf("%+v", made.Properties)
	}
	nodes := done[armnetwork.SubnetsClientCreateOrUpdateResponse](t, "making a subnet")(subnets.BeginCreateOrUpdate(ctx, in, "net", "nodes", subnet("10.80.1.0/24"), nil))
	if got := must[armnetwork.SubnetsClientGetResponse](t, "reading it")(subnets.Get(ctx, in, "net", "nodes", nil)); *got.ID != *nodes.ID {
		t.Errorf("the subnet's ID is %s, then %s", *nodes.ID, *got.ID)
	}
	if pages := all(t, "listing subnets", subnets.NewListPager(in, "net", nil)); len(pages[0].Value) != 1 {
		t.Errorf("%d subnets", len(pages[0].Value))
	}
	must[armnetwork.VirtualNetworksClientUpdateTagsResponse](t, "tagging")(vnets.UpdateTags(ctx, in, "net", armnetwork.TagsObject{Tags: map[string]*string{"a": ptr("1")}}, nil))
	if got := must[armnetwork.VirtualNetworksClientGetResponse](t, "reading")(vnets.Get(ctx, in, "net", nil)); *got.Tags["a"] != "1" || len(got.Properties.Subnets) != 1 {
		t.Errorf("tagging lost something: %+v", got.VirtualNetwork)
	}
	all(t, "listing networks", vnets.NewListPager(in, nil))
	all(t, "listing all networks", vnets.NewListAllPager(nil))

	_, err := subnets.BeginCreateOrUpdate(ctx, in, "net", "outside", subnet("10.81.0.0/24"), nil)
	refused(t, err, 400, "NetcfgInvalidSubnet")
	_, err = subnets.BeginCreateOrUpdate(ctx, in, "net", "twice", subnet("10.80.1.128/25"), nil)
	refused(t, err, 400, "NetcfgSubnetRangesOverlap")
	_, err = subnets.Get(ctx, in, "net", "none", nil)
	refused(t, err, 404, "NotFound")
	_, err = vnets.Get(ctx, in, "none", nil)
	refused(t, err, 404, "ResourceNotFound")
	_, err = vnets.BeginCreateOrUpdate(ctx, in, "bad", addressed("10.80.0.0/99"), nil)
	refused(t, err, 400, "InvalidCIDRNotation")

	done[armnetwork.SubnetsClientDeleteResponse](t, "deleting the subnet")(subnets.BeginDelete(ctx, in, "net", "nodes", nil))
	done[armnetwork.VirtualNetworksClientDeleteResponse](t, "deleting the network")(vnets.BeginDelete(ctx, in, "net", nil))
}

// TestGuardedSubnet puts a security group and a route table on a subnet, which then can't be deleted.
func TestGuardedSubnet(t *testing.T) {
	ctx, in := t.Context(), group(t)
	clients := networkClients(t, cloud.options)
	groups, tables, vnets := clients.NewSecurityGroupsClient(), clients.NewRouteTablesClient(), clients.NewVirtualNetworksClient()
	rule := armnetwork.SecurityRule{Name: ptr("ssh"), Properties: &armnetwork.SecurityRulePropertiesFormat{
		Access: to.Ptr(armnetwork.SecurityRuleAccessDeny), Direction: to.Ptr(armnetwork.SecurityRuleDirectionInbound), Priority: ptr[int32](100), Protocol: to.Ptr(armnetwork.SecurityRuleProtocolTCP),
		SourceAddressPrefix: ptr("*"), SourcePortRange: ptr("*"), DestinationAddressPrefix: ptr("*"), DestinationPortRange: ptr("22"),
	}}
	guard := done[armnetwork.SecurityGroupsClientCreateOrUpdateResponse](t, "making a security group")(groups.BeginCreateOrUpdate(ctx, in, "guard",
		armnetwork.SecurityGroup{Location: ptr(location), Properties: &armnetwork.SecurityGroupPropertiesFormat{SecurityRules: []*armnetwork.SecurityRule{&rule}}}, nil))
	if len(guard.Properties.DefaultSecurityRules) == 0 || len(guard.Properties.SecurityRules) != 1 {
		t.Errorf("%d rules and %d defaults", len(guard.Properties.SecurityRules), len(guard.Properties.DefaultSecurityRules))
	}
	rules := clients.NewSecurityRulesClient()
	must[armnetwork.SecurityRulesClientGetResponse](t, "reading the rule")(rules.Get(ctx, in, "guard", "ssh", nil))
	rule.Properties.Priority = ptr[int32](99)
	_, err := rules.BeginCreateOrUpdate(ctx, in, "guard", "low", rule, nil)
	if err == nil {
		t.Error("a rule below the lowest priority was taken")
	}
	table := done[armnetwork.RouteTablesClientCreateOrUpdateResponse](t, "making a route table")(tables.BeginCreateOrUpdate(ctx, in, "ways", armnetwork.RouteTable{Location: ptr(location)}, nil))
	routes := clients.NewRoutesClient()
	done[armnetwork.RoutesClientCreateOrUpdateResponse](t, "adding a route")(routes.BeginCreateOrUpdate(ctx, in, "ways", "out", armnetwork.Route{
		Properties: &armnetwork.RoutePropertiesFormat{AddressPrefix: ptr("0.0.0.0/0"), NextHopType: to.Ptr(armnetwork.RouteNextHopTypeVirtualAppliance), NextHopIPAddress: ptr("10.82.0.4")},
	}, nil))
	all(t, "listing routes", routes.NewListPager(in, "ways", nil))

	network := addressed("10.82.0.0/16")
	network.Properties.Subnets = []*armnetwork.Subnet{{Name: ptr("nodes"), Properties: &armnetwork.SubnetPropertiesFormat{
		AddressPrefix: ptr("10.82.1.0/24"), NetworkSecurityGroup: &armnetwork.SecurityGroup{ID: guard.ID}, RouteTable: &armnetwork.RouteTable{ID: table.ID},
	}}}
	done[armnetwork.VirtualNetworksClientCreateOrUpdateResponse](t, "making a guarded network")(vnets.BeginCreateOrUpdate(ctx, in, "net", network, nil))
	if got := must[armnetwork.SecurityGroupsClientGetResponse](t, "reading the group")(groups.Get(ctx, in, "guard", nil)); len(got.Properties.Subnets) != 1 {
		t.Errorf("the security group knows %d subnets", len(got.Properties.Subnets))
	}
	_, err = groups.BeginDelete(ctx, in, "guard", nil)
	refused(t, err, 400, "InUseNetworkSecurityGroupCannotBeDeleted")
	_, err = tables.BeginDelete(ctx, in, "ways", nil)
	refused(t, err, 400, "InUseRouteTableCannotBeDeleted")
	done[armnetwork.VirtualNetworksClientDeleteResponse](t, "deleting the network")(vnets.BeginDelete(ctx, in, "net", nil))
	done[armnetwork.SecurityGroupsClientDeleteResponse](t, "deleting the group")(groups.BeginDelete(ctx, in, "guard", nil))
	done[armnetwork.RouteTablesClientDeleteResponse](t, "deleting the table")(tables.BeginDelete(ctx, in, "ways", nil))
}

func TestLoadBalancers(t *testing.T) {
	ctx, in := t.Context(), group(t)
	clients := networkClients(t, cloud.options)
	addresses, balancers := clients.NewPublicIPAddressesClient(), clients.NewLoadBalancersClient()
	public := done[armnetwork.PublicIPAddressesClientCreateOrUpdateResponse](t, "making an address")(addresses.BeginCreateOrUpdate(ctx, in, "front", armnetwork.PublicIPAddress{
		Location: ptr(location), SKU: &armnetwork.PublicIPAddressSKU{Name: to.Ptr(armnetwork.PublicIPAddressSKUNameStandard)},
		Properties: &armnetwork.PublicIPAddressPropertiesFormat{PublicIPAllocationMethod: to.Ptr(armnetwork.IPAllocationMethodStatic)},
	}, nil))
	if public.Properties.IPAddress == nil {
		t.Fatal("a static address has none")
	}
	made := done[armnetwork.LoadBalancersClientCreateOrUpdateResponse](t, "making a balancer")(balancers.BeginCreateOrUpdate(ctx, in, "lb", armnetwork.LoadBalancer{
		Location: ptr(location), SKU: &armnetwork.LoadBalancerSKU{Name: to.Ptr(armnetwork.LoadBalancerSKUNameStandard)},
		Properties: &armnetwork.LoadBalancerPropertiesFormat{
			FrontendIPConfigurations: []*armnetwork.FrontendIPConfiguration{{Name: ptr("web"), Properties: &armnetwork.FrontendIPConfigurationPropertiesFormat{PublicIPAddress: &armnetwork.PublicIPAddress{ID: public.ID}}}},
			BackendAddressPools:      []*armnetwork.BackendAddressPool{{Name: ptr("nodes")}},
		},
	}, nil))
	if len(made.Properties.FrontendIPConfigurations) != 1 || made.Properties.FrontendIPConfigurations[0].ID == nil {
		t.Fatalf("the front has no ID: %+v", made.Properties)
	}
	pools := clients.NewLoadBalancerBackendAddressPoolsClient()
	must[armnetwork.LoadBalancerBackendAddressPoolsClientGetResponse](t, "reading the pool")(pools.Get(ctx, in, "lb", "nodes", nil))
	all(t, "listing balancers", balancers.NewListPager(in, nil))
	all(t, "listing addresses", addresses.NewListPager(in, nil))
	if got := must[armnetwork.PublicIPAddressesClientGetResponse](t, "reading the address")(addresses.Get(ctx, in, "front", nil)); got.Properties.IPConfiguration == nil {
		t.Error("the address doesn't know whose it is")
	}
	_, err := addresses.BeginDelete(ctx, in, "front", nil)
	refused(t, err, 400, "PublicIPAddressCannotBeDeleted")
	lost := made.LoadBalancer
	lost.Properties.FrontendIPConfigurations[0].Properties.PublicIPAddress.ID = ptr(*public.ID + "-none")
	_, err = balancers.BeginCreateOrUpdate(ctx, in, "lost", lost, nil)
	if err == nil {
		t.Error("a balancer took an address that doesn't exist")
	}
	done[armnetwork.LoadBalancersClientDeleteResponse](t, "deleting the balancer")(balancers.BeginDelete(ctx, in, "lb", nil))
	done[armnetwork.PublicIPAddressesClientDeleteResponse](t, "deleting the address")(addresses.BeginDelete(ctx, in, "front", nil))
}

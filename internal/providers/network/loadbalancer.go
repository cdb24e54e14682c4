package network

import (
	"context"

	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/providers/shape"
)

func (p *Provider) loadBalancers() shape.Kind {
	const own = loadBalancerType
	balancer := document("loadBalancers")
	balancer.Actions = []providers.Action{{Name: "migrateToIpBased", Run: p.migratePools}}
	return shape.Kind{
		Type: balancer,
		SKU:  `{"name":"Basic","tier":"Regional"}`,
		Rules: shape.Rules{
			Server: []string{"resourceGuid"},
		},
		Parts: []shape.Part{
			{Member: "frontendIPConfigurations", Rules: shape.Rules{
				Defaults: `{"privateIPAllocationMethod":"Dynamic"}`,
				Choices:  map[string][]string{"privateIPAllocationMethod": {"Dynamic", "Static"}, "privateIPAddressVersion": {"IPv4", "IPv6"}},
				References: []shape.Reference{
					{Path: "publicIPAddress", To: publicIPType, Action: joinPublicIP},
					{Path: "publicIPPrefix", To: publicIPPrefixType, Action: publicIPPrefixType + "/join/action"},
					{Path: "subnet", To: subnetType, Action: joinSubnet},
					{Path: "gatewayLoadBalancer", To: own + "/frontendIPConfigurations", Action: own + "/frontendIPConfigurations/join/action"},
				},
				Backs: []shape.Back{{Member: "privateLinkService", From: privateLinkType, Single: true}},
			}},
			{Member: "backendAddressPools", Writable: true, Rules: shape.Rules{
				References: []shape.Reference{
					{Path: "virtualNetwork", To: vnetType, Action: vnetType + "/joinLoadBalancer/action"},
					{Path: "loadBalancerBackendAddresses[].properties.virtualNetwork", To: vnetType, Action: vnetType + "/joinLoadBalancer/action"},
					{Path: "loadBalancerBackendAddresses[].properties.subnet", To: subnetType, Action: joinSubnet},
				},
				Backs: []shape.Back{{Member: "backendIPConfigurations", From: interfaceType + "/ipConfigurations"}},
			}},
			{Member: "loadBalancingRules", Rules: rules(`{"enableFloatingIP":false,"idleTimeoutInMinutes":4,"loadDistribution":"Default","enableTcpReset":false,"disableOutboundSnat":false}`,
				[]string{"frontendPort", "backendPort"},
				shape.Reference{Path: "frontendIPConfiguration", To: own + "/frontendIPConfigurations", Back: "loadBalancingRules"},
				shape.Reference{Path: "backendAddressPool", To: own + "/backendAddressPools", Back: "loadBalancingRules"},
				shape.Reference{Path: "backendAddressPools[]", To: own + "/backendAddressPools"},
				shape.Reference{Path: "probe", To: own + "/probes", Back: "loadBalancingRules"})},
			{Member: "probes", Rules: shape.Rules{
				Defaults: `{"intervalInSeconds":15,"numberOfProbes":2,"probeThreshold":1}`,
				Required: []string{"protocol", "port"},
				Choices:  map[string][]string{"protocol": {"Http", "Https", "Tcp"}},
				Ranges:   map[string][2]int{"port": {1, 65535}, "intervalInSeconds": {5, 2147483646}},
			}},
			{Member: "inboundNatRules", Writable: true, Rules: rules(`{"enableFloatingIP":false,"idleTimeoutInMinutes":4,"enableTcpReset":false}`,
				[]string{"backendPort"},
				shape.Reference{Path: "frontendIPConfiguration", To: own + "/frontendIPConfigurations", Back: "inboundNatRules"},
				shape.Reference{Path: "backendAddressPool", To: own + "/backendAddressPools", Back: "inboundNatRules"})},
			{Member: "outboundRules", Rules: shape.Rules{
				Defaults: `{"allocatedOutboundPorts":0,"enableTcpReset":false,"idleTimeoutInMinutes":4}`,
				Required: []string{"backendAddressPool", "frontendIPConfigurations", "protocol"},
				Choices:  map[string][]string{"protocol": {"Tcp", "Udp", "All"}},
				References: []shape.Reference{
					{Path: "frontendIPConfigurations[]", To: own + "/frontendIPConfigurations", Back: "outboundRules"},
					{Path: "backendAddressPool", To: own + "/backendAddressPools", Back: "outboundRules"},
				},
			}},
			{Member: "inboundNatPools", Rules: rules(`{"enableFloatingIP":false,"idleTimeoutInMinutes":4,"enableTcpReset":false}`,
				[]string{"frontendPortRangeStart", "frontendPortRangeEnd", "backendPort"},
				shape.Reference{Path: "frontendIPConfiguration", To: own + "/frontendIPConfigurations", Back: "inboundNatPools"})},
		},
		Admit: func(ctx context.Context, d *shape.Document) error {
			giveGUID(d)
			return p.placeAddresses(ctx, d, "frontendIPConfigurations")
		},
		Remove: func(ctx context.Context, d *shape.Document) error {
			return p.placeAddresses(ctx, d, "frontendIPConfigurations")
		},
		Show: p.showPools,
		InUse: inUse("LoadBalancerInUse",
			"Cannot delete load balancer %s since it or its child resources are in use by %s. Please remove the references first."),
	}
}

// rules are those of what leads from a frontend to a backend.
func rules(defaults string, ports []string, references ...shape.Reference) shape.Rules {
	limits := map[string][2]int{"idleTimeoutInMinutes": {4, 100}}
	for _, port := range append(ports, "frontendPort") {
		limits[port] = [2]int{0, 65535}
	}
	return shape.Rules{
		Defaults:   defaults,
		Required:   append([]string{"protocol", "frontendIPConfiguration"}, ports...),
		Choices:    map[string][]string{"protocol": {"Tcp", "Udp", "All"}, "loadDistribution": {"Default", "SourceIP", "SourceIPProtocol"}},
		Ranges:     limits,
		References: references,
	}
}

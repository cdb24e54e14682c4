package network

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/lanyard-project/lanyard/internal/providers/shape"
)

const addressConfigurations = "ipConfigurations"

func (p *Provider) interfaces() shape.Kind {
	return shape.Kind{
		Type: document("networkInterfaces"),
		Rules: shape.Rules{
			Defaults: `{"dnsSettings":{"dnsServers":[],"appliedDnsServers":[]},"enableAcceleratedNetworking":false,"enableIPForwarding":false,"vnetEncryptionSupported":false,
				"disableTcpStateTracking":false,"hostedWorkloads":[],"tapConfigurations":[],"nicType":"Standard","auxiliaryMode":"None","auxiliarySku":"None"}`,
			Required:   []string{addressConfigurations},
			Server:     []string{"resourceGuid", "macAddress", "privateEndpoint"},
			References: []shape.Reference{{Path: "networkSecurityGroup", To: securityGroupType, Action: joinGroup}},
			Backs:      []shape.Back{{Member: "virtualMachine", From: "Microsoft.Compute/virtualMachines", Single: true}},
			Check:      checkInterface,
		},
		Parts: []shape.Part{{Member: addressConfigurations, Rules: shape.Rules{
			Defaults: `{"privateIPAllocationMethod":"Dynamic","privateIPAddressVersion":"IPv4"}`,
			Required: []string{"subnet"},
			Choices:  map[string][]string{"privateIPAllocationMethod": {"Dynamic", "Static"}, "privateIPAddressVersion": {"IPv4", "IPv6"}},
			References: []shape.Reference{
				{Path: "subnet", To: subnetType, Action: joinSubnet},
				{Path: "publicIPAddress", To: publicIPType, Action: joinPublicIP},
				{Path: "loadBalancerBackendAddressPools[]", To: loadBalancerType + "/backendAddressPools", Action: loadBalancerType + "/backendAddressPools/join/action"},
				{Path: "loadBalancerInboundNatRules[]", To: loadBalancerType + "/inboundNatRules", Action: loadBalancerType + "/inboundNatRules/join/action"},
				{Path: "applicationSecurityGroups[]", To: applicationType, Action: applicationType + "/joinIpConfiguration/action"},
			},
		}}},
		Admit: func(ctx context.Context, d *shape.Document) error {
			giveGUID(d)
			if d.Properties.Text("macAddress") == "" {
				d.Properties.Set("macAddress", newMAC())
			}
			return p.placeAddresses(ctx, d, addressConfigurations)
		},
		Remove: func(ctx context.Context, d *shape.Document) error {
			return p.placeAddresses(ctx, d, addressConfigurations)
		},
		InUse: inUse("NicInUse",
			"Network Interface %s is used by existing resource %s. In order to delete the network interface, it must be dissociated from the resource. To learn more, see aka.ms/deletenic."),
	}
}

// checkInterface makes the first configuration the primary one, unless the
// client named another.
func checkInterface(d *shape.Document) error {
	configurations := d.Properties.Objects(addressConfigurations)
	if len(configurations) == 0 {
		return missingConfiguration(d.ID)
	}
	primary := false
	for _, c := range configurations {
		primary = primary || c.Flag("properties.primary")
	}
	for i, c := range configurations {
		if c.Get("properties.primary") == nil {
			c.Set("properties.primary", i == 0 && !primary)
		}
	}
	return nil
}

// newMAC is an address with Azure's prefix.
func newMAC() string {
	var raw [3]byte
	_, _ = rand.Read(raw[:]) // never fails
	return fmt.Sprintf("00-0D-3A-%02X-%02X-%02X", raw[0], raw[1], raw[2])
}

func (p *Provider) natGateways() shape.Kind {
	return shape.Kind{
		Type: document("natGateways"),
		SKU:  `{"name":"Standard","tier":"Regional"}`,
		Rules: shape.Rules{
			Defaults: `{"idleTimeoutInMinutes":4}`,
			Server:   []string{"resourceGuid"},
			Ranges:   map[string][2]int{"idleTimeoutInMinutes": {4, 120}},
			References: []shape.Reference{
				{Path: "publicIpAddresses[]", To: publicIPType, Action: joinPublicIP},
				{Path: "publicIpPrefixes[]", To: publicIPPrefixType, Action: publicIPPrefixType + "/join/action"},
			},
			Backs: []shape.Back{{Member: "subnets", From: subnetType}},
		},
		Admit: func(_ context.Context, d *shape.Document) error { giveGUID(d); return nil },
		InUse: inUse("NatGatewayCannotBeDeleted", "NAT gateway %s cannot be deleted because it is in use by %s."),
	}
}

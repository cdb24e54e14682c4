package groups

import (
	"context"
	"strings"

	"github.com/lanyard-project/lanyard/internal/cli/azure"
	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/value"
)

// machineNetwork is the interfaces of a new machine: those of --nics, or one that is made,
// in a network, with a public address and behind a security group that are made unless they
// were named. az makes the same with the same names.
func machineNetwork(ctx context.Context, c *command.Call, client *azure.Client, where string) ([]any, error) {
	id := func(kind, name string) string {
		if strings.HasPrefix(name, "/") {
			return name
		}
		return client.Group(c.Get("resource-group"), "providers/Microsoft.Network", kind, name)
	}
	if names := c.List("nics"); len(names) > 0 {
		var cards []any
		for _, name := range names {
			cards = append(cards, value.NewObject("id", id("networkInterfaces", name)))
		}
		return cards, nil
	}
	me := c.Get("name")
	// wanted is the ID of what an option names; what it doesn't name is made.
	wanted := func(option, kind, suffix string, body *value.Object) (string, error) {
		if c.Given(option) {
			if c.Get(option) == "" {
				return "", nil
			}
			return id(kind, c.Get(option)), nil
		}
		path := id(kind, me+suffix)
		return path, made(ctx, client, path, networkVersion, body.Set("location", where))
	}
	guard, err := wanted("nsg", "networkSecurityGroups", "NSG", value.NewObject("properties", value.NewObject("securityRules", []any{value.NewObject("name", "default-allow-ssh", "properties",
		value.NewObject("protocol", "Tcp", "sourcePortRange", "*", "destinationPortRange", "22", "sourceAddressPrefix", "*", "destinationAddressPrefix", "*", "access", "Allow", "priority", value.Int(1000), "direction", "Inbound"))})))
	if err != nil {
		return nil, err
	}
	sku := c.Get("public-ip-sku")
	public, err := wanted("public-ip-address", "publicIPAddresses", "PublicIP", value.NewObject("sku", value.NewObject("name", sku), "properties",
		value.NewObject("publicIPAllocationMethod", map[bool]string{true: "Static", false: "Dynamic"}[sku == "Standard"])))
	if err != nil {
		return nil, err
	}
	subnet, err := machineSubnet(c, me, id, wanted)
	if err != nil {
		return nil, err
	}
	address := value.NewObject("privateIPAllocationMethod", "Dynamic", "subnet", value.NewObject("id", subnet))
	if public != "" {
		address.Set("publicIPAddress", value.NewObject("id", public))
	}
	properties := value.NewObject("ipConfigurations", []any{value.NewObject("name", "ipconfig"+me, "properties", address)})
	if guard != "" {
		properties.Set("networkSecurityGroup", value.NewObject("id", guard))
	}
	card := id("networkInterfaces", me+"VMNic")
	if err := made(ctx, client, card, networkVersion, value.NewObject("location", where, "properties", properties)); err != nil {
		return nil, err
	}
	return []any{value.NewObject("id", card)}, nil
}

// machineSubnet is the ID of the subnet that was named, or that of a network which is made.
func machineSubnet(c *command.Call, me string, id func(kind, name string) string, wanted func(option, kind, suffix string, body *value.Object) (string, error)) (string, error) {
	subnet := c.Get("subnet")
	if strings.HasPrefix(subnet, "/") {
		return subnet, nil
	}
	if network := c.Get("vnet-name"); network != "" {
		if subnet == "" {
			return "", command.Usage("incorrect usage: --subnet ID | --subnet NAME --vnet-name NAME")
		}
		return id("virtualNetworks", network) + "/subnets/" + azure.Word(subnet), nil
	}
	if subnet == "" {
		subnet = me + "Subnet"
	}
	network, err := wanted("vnet-name", "virtualNetworks", "VNET", value.NewObject("properties", value.NewObject("addressSpace", value.NewObject("addressPrefixes", value.Strings([]string{c.Get("vnet-address-prefix")})),
		"subnets", []any{value.NewObject("name", subnet, "properties", value.NewObject("addressPrefix", c.Get("subnet-address-prefix")))})))
	return network + "/subnets/" + azure.Word(subnet), err
}

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
	subnet, err := machineSubnet(ctx, c, client, where)
	if err != nil {
		return nil, err
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

// machineSubnet is the ID of the subnet that was named, or the first of a network that the group has. A network that isn't
// there is made, with that subnet.
func machineSubnet(ctx context.Context, c *command.Call, client *azure.Client, where string) (string, error) {
	subnet := c.Get("subnet")
	if strings.HasPrefix(subnet, "/") {
		return subnet, nil
	}
	network := c.Get("vnet-name")
	switch {
	case network == "" && subnet != "", strings.Contains(network, "/"):
		return "", command.Usage("incorrect usage: --subnet ID | --subnet NAME --vnet-name NAME")
	case network == "":
		if there, err := subnetThere(ctx, c, client, where); err != nil || there != "" {
			return there, err
		}
		network = c.Get("name") + "VNET"
	}
	if subnet == "" {
		subnet = c.Get("name") + "Subnet"
	}
	path := client.Group(c.Get("resource-group"), "providers/Microsoft.Network/virtualNetworks", network)
	_, err := client.Get(ctx, path, networkVersion)
	if azure.NotFound(err) {
		err = made(ctx, client, path, networkVersion, value.NewObject("location", where, "properties", value.NewObject(
			"addressSpace", value.NewObject("addressPrefixes", value.Strings([]string{c.Get("vnet-address-prefix")})),
			"subnets", []any{value.NewObject("name", subnet, "properties", value.NewObject("addressPrefix", c.Get("subnet-address-prefix")))})))
	}
	return path + "/subnets/" + azure.Word(subnet), err
}

// subnetThere is the first subnet of a network that the group has in that location, gateways' aside.
func subnetThere(ctx context.Context, c *command.Call, client *azure.Client, where string) (string, error) {
	networks, err := client.List(ctx, client.Group(c.Get("resource-group"), "providers/Microsoft.Network/virtualNetworks"), networkVersion)
	if err != nil {
		return "", err
	}
	for _, v := range networks {
		network, _ := v.(*value.Object)
		if place(network.String("location")) != place(where) {
			continue
		}
		for _, v := range network.List("properties", "subnets") {
			if subnet, _ := v.(*value.Object); !strings.EqualFold(subnet.String("name"), "GatewaySubnet") {
				return subnet.String("id"), nil
			}
		}
	}
	return "", nil
}

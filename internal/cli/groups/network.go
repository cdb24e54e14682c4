package groups

import (
	"context"
	"strings"

	"github.com/lanyard-project/lanyard/internal/cli/azure"
	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/value"
)

const networkVersion = "2022-01-01"

func networkFamily(words, what, kindName, provider string) family {
	return family{kind: kind{version: networkVersion, service: "network", model: kindName, sparse: true}, words: words, what: what, provider: provider}
}

func networkGroup() command.Table {
	vnet := networkFamily("network vnet", "virtual network", "VirtualNetwork", "Microsoft.Network/virtualNetworks")
	vnet.table = func(v any) any {
		rows, _ := v.([]any)
		made := make([]any, len(rows))
		for i, row := range rows {
			made[i] = networkRow(row)
		}
		return made
	}
	subnet := networkFamily("network vnet subnet", "subnet", "Subnet", "subnets")
	subnet.parent, subnet.parentType = "vnet-name", vnet.provider
	public := networkFamily("network public-ip", "public address", "PublicIPAddress", "Microsoft.Network/publicIPAddresses")
	nsg := networkFamily("network nsg", "network security group", "NetworkSecurityGroup", "Microsoft.Network/networkSecurityGroups")
	routes := networkFamily("network route-table", "route table", "RouteTable", "Microsoft.Network/routeTables")
	createNetwork := vnet.creating([]argument{
		list("--address-prefixes", "Address ranges."), arg("--subnet-name", "Name of a first subnet."), list("--subnet-prefixes", "Its address ranges."),
		list("--dns-servers", "DNS servers."), arg("--nsg --network-security-group", "Network security group of the subnet."),
	}, newNetwork)
	createNetwork.Examples = []command.Example{{Title: "Create a network with a subnet.", Line: "lanyard network vnet create -g MyResourceGroup -n MyVnet --address-prefix 10.0.0.0/16 --subnet-name MySubnet --subnet-prefix 10.0.0.0/24"}}
	wrap(createNetwork, "newVNet")
	createPublic := public.creating([]argument{arg("--sku", "SKU.").Choices("Basic", "Standard"), arg("--allocation-method", "Static or Dynamic.").Choices("Static", "Dynamic"), arg("--dns-name", "DNS label."), arg("--version", "IPv4 or IPv6.").Choices("IPv4", "IPv6").Or("IPv4")}, newPublicIP)
	wrap(createPublic, "publicIp")
	createNSG := nsg.creating(nil, func(_ *command.Call, _ *azure.Client, body *value.Object) error {
		body.Set("properties", value.NewObject())
		return nil
	})
	wrap(createNSG, "NewNSG")
	commands := []*command.Command{
		createNetwork, createPublic, createNSG,
		subnet.creating([]argument{list("--address-prefixes", "Address ranges."), arg("--nsg --network-security-group", "Network security group."), arg("--route-table", "Route table."), list("--service-endpoints", "Services with endpoints."), list("--delegations", "Services it is delegated to.")}, newSubnet),
		routes.creating(nil, func(_ *command.Call, _ *azure.Client, body *value.Object) error {
			body.Set("properties", value.NewObject())
			return nil
		}),
	}
	for _, f := range []family{vnet, subnet, public, nsg, routes} {
		commands = append(commands, f.reading()...)
	}
	return command.Table{
		Groups: []command.Group{
			{Path: "network", Summary: "Networks and what belongs to them."}, {Path: "network vnet", Summary: "Virtual networks."},
			{Path: "network vnet subnet", Summary: "Subnets."}, {Path: "network public-ip", Summary: "Public addresses."},
			{Path: "network nsg", Summary: "Network security groups."}, {Path: "network route-table", Summary: "Route tables."},
		},
		Commands: commands,
	}
}

// wrap puts what a command prints below a key, as az does for some.
func wrap(c *command.Command, key string) {
	run := c.Run
	c.Run = func(ctx context.Context, call *command.Call) (any, error) {
		v, err := run(ctx, call)
		if err != nil || v == nil {
			return nil, err
		}
		return value.NewObject(key, v), nil
	}
}

func newNetwork(c *command.Call, client *azure.Client, body *value.Object) error {
	prefixes := c.List("address-prefixes")
	if len(prefixes) == 0 {
		prefixes = []string{"10.0.0.0/16"}
	}
	properties := value.NewObject("addressSpace", value.NewObject("addressPrefixes", value.Strings(prefixes)), "enableDdosProtection", false, "enableVmProtection", false)
	if servers := c.List("dns-servers"); len(servers) > 0 {
		properties.Set("dhcpOptions", value.NewObject("dnsServers", value.Strings(servers)))
	}
	if name := c.Get("subnet-name"); name != "" {
		inner := value.NewObject()
		switch given := c.List("subnet-prefixes"); len(given) {
		case 0:
			address, bits, _ := strings.Cut(prefixes[0], "/")
			if len(bits) < 2 || bits < "24" {
				bits = "24"
			}
			inner.Set("addressPrefix", address+"/"+bits)
		case 1:
			inner.Set("addressPrefix", given[0])
		default:
			inner.Set("addressPrefixes", value.Strings(given))
		}
		reference(c, client, inner, "nsg", "networkSecurityGroup", "networkSecurityGroups")
		properties.Set("subnets", []any{value.NewObject("name", name, "properties", inner)})
	}
	body.Set("properties", properties)
	return nil
}

// reference sets a link to another resource that an option names by name or ID.
func reference(c *command.Call, client *azure.Client, o *value.Object, option, field, kind string) {
	name := c.Get(option)
	if name == "" {
		return
	}
	if !strings.HasPrefix(name, "/") {
		name = client.Group(c.Get("resource-group"), "providers/Microsoft.Network", kind, name)
	}
	o.Set(field, value.NewObject("id", name))
}

func newSubnet(c *command.Call, client *azure.Client, body *value.Object) error {
	properties := value.NewObject()
	switch given := c.List("address-prefixes"); len(given) {
	case 0:
		return command.Usage("the following arguments are required: --address-prefixes")
	case 1:
		properties.Set("addressPrefix", given[0])
	default:
		properties.Set("addressPrefixes", value.Strings(given))
	}
	reference(c, client, properties, "nsg", "networkSecurityGroup", "networkSecurityGroups")
	reference(c, client, properties, "route-table", "routeTable", "routeTables")
	for option, field := range map[string]string{"service-endpoints": "serviceEndpoints", "delegations": "delegations"} {
		var all []any
		for i, service := range c.List(option) {
			if option == "delegations" {
				all = append(all, value.NewObject("name", string(rune('0'+i)), "properties", value.NewObject("serviceName", service)))
			} else {
				all = append(all, value.NewObject("service", service))
			}
		}
		if all != nil {
			properties.Set(field, all)
		}
	}
	body.Set("properties", properties)
	return nil
}

func newPublicIP(c *command.Call, _ *azure.Client, body *value.Object) error {
	sku, method := c.Get("sku"), c.Get("allocation-method")
	if sku == "" {
		sku = "Basic"
		c.Warn("[Coming breaking change] In the coming release, the default behavior will be changed as follows when sku is Standard and zone is not provided: For zonal regions, you will get a zone-redundant IP indicated by zones:[\"1\",\"2\",\"3\"]; For non-zonal regions, you will get a non zone-redundant IP indicated by zones:null.")
	}
	if method == "" {
		method = map[bool]string{true: "Static", false: "Dynamic"}[sku == "Standard"]
	}
	properties := value.NewObject("publicIPAllocationMethod", method, "idleTimeoutInMinutes", value.Int(4), "publicIPAddressVersion", c.Get("version"))
	if label := c.Get("dns-name"); label != "" {
		properties.Set("dnsSettings", value.NewObject("domainNameLabel", label))
	}
	body.Set("sku", value.NewObject("name", sku)).Set("properties", properties)
	return nil
}

func networkRow(v any) any {
	o, _ := v.(*value.Object)
	words := func(path ...string) string {
		var all []string
		for _, v := range o.List(path...) {
			if s, ok := v.(string); ok {
				all = append(all, s)
			}
		}
		return strings.Join(all, ", ")
	}
	return value.NewObject("Name", o.String("name"), "ResourceGroup", o.String("resourceGroup"), "Location", o.String("location"),
		"NumSubnets", value.Int(len(o.List("subnets"))), "Prefixes", words("addressSpace", "addressPrefixes"), "DnsServers", words("dhcpOptions", "dnsServers"),
		"DDOSProtection", o.Bool("enableDdosProtection"), "VMProtection", o.Bool("enableVmProtection"))
}

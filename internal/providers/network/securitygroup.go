package network

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers/shape"
)

func (p *Provider) securityGroups() shape.Kind {
	groups := []shape.Reference{
		{Path: "sourceApplicationSecurityGroups[]", To: applicationType, Action: applicationType + "/joinNetworkSecurityRule/action"},
		{Path: "destinationApplicationSecurityGroups[]", To: applicationType, Action: applicationType + "/joinNetworkSecurityRule/action"},
	}
	return shape.Kind{
		Type: document("networkSecurityGroups"),
		Rules: shape.Rules{
			Server: []string{"resourceGuid"},
			Backs: []shape.Back{
				{Member: "subnets", From: subnetType}, {Member: "networkInterfaces", From: interfaceType},
			},
			Check: checkPriorities,
		},
		Parts: []shape.Part{
			{Member: "securityRules", Writable: true, Rules: shape.Rules{
				Defaults: `{"sourcePortRanges":[],"destinationPortRanges":[],"sourceAddressPrefixes":[],"destinationAddressPrefixes":[]}`,
				Required: []string{"protocol", "access", "direction", "priority"},
				Choices: map[string][]string{
					"access": {"Allow", "Deny"}, "direction": {"Inbound", "Outbound"}, "protocol": {"*", "Tcp", "Udp", "Icmp", "Esp", "Ah"},
				},
				Ranges:     map[string][2]int{"priority": {100, 4096}},
				References: groups,
			}},
			{Member: "defaultSecurityRules", Computed: true},
		},
		Admit: func(_ context.Context, d *shape.Document) error { giveGUID(d); return nil },
		Show: func(_ context.Context, d *shape.Document) error {
			d.Properties.Set("defaultSecurityRules", defaultRules())
			return nil
		},
		InUse: inUse("InUseNetworkSecurityGroupCannotBeDeleted",
			"Network security group %s cannot be deleted because it is in use by the following resources: %s. In order to delete the Network security group, remove the association with the resource(s). To learn how to do this, see aka.ms/deletensg."),
	}
}

// checkPriorities refuses two rules of one direction with the same priority.
func checkPriorities(d *shape.Document) error {
	seen := map[string]string{}
	for _, rule := range d.Properties.Objects("securityRules") {
		priority, _ := rule.Number("properties.priority")
		key := fmt.Sprint(priority) + " " + rule.Text("properties.direction")
		name := rule.Text("name")
		if other, taken := seen[key]; taken {
			return rest.NewError(http.StatusBadRequest, "SecurityRuleConflict", fmt.Sprintf(
				"Security rule %s conflicts with rule %s. Rules cannot have the same Priority and Direction. To learn more, see aka.ms/nsgrules.", name, other))
		}
		seen[key] = name
	}
	return nil
}

// defaultRules are those that every security group ends with.
func defaultRules() []any {
	rule := func(name, description, source, destination, access, direction string, priority int) any {
		return map[string]any{"name": name, "properties": map[string]any{
			"description": description, "protocol": "*", "sourcePortRange": "*", "destinationPortRange": "*",
			"sourceAddressPrefix": source, "destinationAddressPrefix": destination, "access": access, "priority": priority, "direction": direction,
			"sourcePortRanges": []any{}, "destinationPortRanges": []any{}, "sourceAddressPrefixes": []any{}, "destinationAddressPrefixes": []any{},
		}}
	}
	return []any{
		rule("AllowVnetInBound", "Allow inbound traffic from all VMs in VNET", "VirtualNetwork", "VirtualNetwork", "Allow", "Inbound", 65000),
		rule("AllowAzureLoadBalancerInBound", "Allow inbound traffic from azure load balancer", "AzureLoadBalancer", "*", "Allow", "Inbound", 65001),
		rule("DenyAllInBound", "Deny all inbound traffic", "*", "*", "Deny", "Inbound", 65500),
		rule("AllowVnetOutBound", "Allow outbound traffic from all VMs to all VMs in VNET", "VirtualNetwork", "VirtualNetwork", "Allow", "Outbound", 65000),
		rule("AllowInternetOutBound", "Allow outbound traffic from all VMs to Internet", "*", "Internet", "Allow", "Outbound", 65001),
		rule("DenyAllOutBound", "Deny all outbound traffic", "*", "*", "Deny", "Outbound", 65500),
	}
}

func (p *Provider) applicationGroups() shape.Kind {
	return shape.Kind{
		Type:  document("applicationSecurityGroups"),
		Rules: shape.Rules{Server: []string{"resourceGuid"}},
		Admit: func(_ context.Context, d *shape.Document) error { giveGUID(d); return nil },
		InUse: inUse("InUseApplicationSecurityGroupCannotBeDeleted", "Application security group %s cannot be deleted because it is in use by %s."),
	}
}

func (p *Provider) routeTables() shape.Kind {
	return shape.Kind{
		Type: document("routeTables"),
		Rules: shape.Rules{
			Defaults: `{"disableBgpRoutePropagation":false}`,
			Server:   []string{"resourceGuid"},
			Backs:    []shape.Back{{Member: "subnets", From: subnetType}},
			Check:    checkRoutes,
		},
		Parts: []shape.Part{{Member: "routes", Writable: true, Rules: shape.Rules{
			Defaults: `{"hasBgpOverride":false}`,
			Required: []string{"addressPrefix", "nextHopType"},
			Choices:  map[string][]string{"nextHopType": {"VirtualNetworkGateway", "VnetLocal", "Internet", "VirtualAppliance", "None"}},
			Check:    checkRoute,
		}}},
		Admit: func(_ context.Context, d *shape.Document) error { giveGUID(d); return nil },
		InUse: inUse("InUseRouteTableCannotBeDeleted", "Route table %s is in use by %s and cannot be deleted."),
	}
}

// checkRoute refuses prefixes that can't be read; service tags have no digits in
// front.
func checkRoute(d *shape.Document) error {
	prefix := d.Properties.Text("addressPrefix")
	if prefix[0] < '0' || prefix[0] > '9' {
		return nil
	}
	_, err := parsePrefix(d.ID.String(), prefix)
	return err
}

// checkRoutes refuses two routes to the same place.
func checkRoutes(d *shape.Document) error {
	seen := map[string]string{}
	for _, route := range d.Properties.Objects("routes") {
		prefix, name := strings.ToLower(route.Text("properties.addressPrefix")), route.Text("name")
		if other, taken := seen[prefix]; taken {
			return rest.NewError(http.StatusBadRequest, "RouteConflict", fmt.Sprintf("Route %s conflicts with route %s: both have the address prefix %s.", name, other, prefix))
		}
		seen[prefix] = name
	}
	return nil
}

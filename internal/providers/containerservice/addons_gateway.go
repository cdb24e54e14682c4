package containerservice

import (
	"net/netip"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
)

// What the add-on ingressApplicationGateway is told: a gateway that is there, by its ID, or where to make one, and under
// which name. The codes are AKS's; of its texts only those of look-ups are known, which this cloud doesn't make: it has no
// gateways.
const (
	gatewayID        = "applicationGatewayId"
	gatewayName      = "applicationGatewayName"
	gatewayCIDR      = "subnetCIDR"
	gatewayPrefix    = "subnetPrefix" // what subnetCIDR was called before
	gatewaySubnetID  = "subnetId"
	gatewayErrors    = "IngressAppGwAddonConfig"
	gatewayProfile   = "addonProfiles.ingressApplicationGateway"
	gatewayType      = "Microsoft.Network/applicationGateways"
	smallestGateway  = 29 // an Application Gateway's subnet has five addresses of Azure's and one of its own at least
	gatewayEitherOr  = "The ingressApplicationGateway addon takes either "
	gatewayEitherEnd = ", not both."
)

// gatewayLacks says what is wrong with the configuration.
func gatewayLacks(config map[string]string) *rest.Error {
	id, name, cidr, prefix, subnet := config[gatewayID], config[gatewayName], config[gatewayCIDR], config[gatewayPrefix], config[gatewaySubnetID]
	invalid := func(code, text string) *rest.Error { return refused(gatewayErrors+code, text, gatewayProfile) }
	if id+name+cidr+prefix+subnet == "" {
		return invalid("Invalid", "The ingressApplicationGateway addon needs "+gatewayID+", "+gatewayName+", "+gatewayCIDR+" or "+gatewaySubnetID+" in its configuration.")
	}
	switch {
	case id != "" && cidr+prefix+subnet != "":
		return invalid("ProvideEitherApplicationGatewayIDOrSubnet", gatewayEitherOr+gatewayID+" or a subnet for a new gateway"+gatewayEitherEnd)
	case id != "" && name != "":
		return invalid("ProvideEitherApplicationGatewayIDOrApplicationGatewayName", gatewayEitherOr+gatewayID+" or "+gatewayName+gatewayEitherEnd)
	case cidr != "" && prefix != "":
		return invalid("ProvideUseSubnetCIDRInsteadOfSubnetPrefix", "The ingressApplicationGateway addon takes "+gatewayCIDR+" in the place of "+gatewayPrefix+".")
	case cidr+prefix != "" && subnet != "":
		return invalid("ProvideEitherSubnetCIDROrSubnetId", gatewayEitherOr+gatewayCIDR+" or "+gatewaySubnetID+gatewayEitherEnd)
	}
	if parsed, err := armid.Parse(id); id != "" && (err != nil || !parsed.Is(gatewayType)) {
		return invalid("InvalidApplicationGatewayId", "'"+id+"' is not the ID of an Application Gateway.")
	}
	if parsed, err := armid.Parse(subnet); subnet != "" && (err != nil || !parsed.Is(subnetType)) {
		return invalid("InvalidSubnetId", "'"+subnet+"' is not the ID of a subnet.")
	}
	if parsed, err := netip.ParsePrefix(cidr + prefix); cidr+prefix != "" && (err != nil || !parsed.Addr().Is4() || parsed.Bits() > smallestGateway) {
		return invalid("InvalidSubnetCIDR", "'"+cidr+prefix+"' is not an IPv4 range for the subnet of an Application Gateway.")
	}
	return nil
}

package network

import (
	"fmt"
	"net/http"
	"net/netip"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
)

func invalidCIDR(prefix, owner string) *rest.Error {
	return rest.NewError(http.StatusBadRequest, "InvalidCIDRNotation", fmt.Sprintf(
		"The address prefix %s in resource %s has an invalid CIDR notation. For more information on CIDR notations, please see https://aka.ms/InvalidCIDRNotation.", prefix, owner))
}

func hostBits(prefix, owner string, should netip.Prefix) *rest.Error {
	return rest.NewError(http.StatusBadRequest, "InvalidCIDRNotation", fmt.Sprintf(
		"The address prefix %s in resource %s has an invalid CIDR notation. For the given prefix length, the address prefix should be %s.", prefix, owner, should))
}

func reservedSpace(prefix netip.Prefix, owner string) *rest.Error {
	return rest.NewError(http.StatusBadRequest, "AddressPrefixNotAllowed", fmt.Sprintf(
		"The address prefix %s in resource %s overlaps with addresses that are reserved by the platform (168.63.129.16, 169.254.0.0/16, loopback, multicast). Please choose another address space.", prefix, owner))
}

// partNotFound answers a read of a subnet, a rule or a route that isn't there: ARM
// knows whole resources only, so this is the provider's own.
func partNotFound(id armid.ID) *rest.Error {
	return rest.NewError(http.StatusNotFound, "NotFound", fmt.Sprintf("Resource %s not found.", id))
}

func missingSpace(vnet string) *rest.Error {
	return rest.NewError(http.StatusBadRequest, "InvalidRequestFormat",
		fmt.Sprintf("Cannot parse the request. Virtual network %s must have at least one address prefix in properties.addressSpace.addressPrefixes.", vnet))
}

func missingPrefix(subnet string) *rest.Error {
	return rest.NewError(http.StatusBadRequest, "InvalidRequestFormat",
		fmt.Sprintf("Cannot parse the request. Subnet %s must have properties.addressPrefix.", subnet))
}

func spacesOverlap(vnet string) *rest.Error {
	return rest.NewError(http.StatusBadRequest, "NetcfgOverlappingAddressSpace",
		fmt.Sprintf("Address prefixes of virtual network '%s' overlap.", vnet))
}

func subnetInvalid(subnet, vnet string) *rest.Error {
	return rest.NewError(http.StatusBadRequest, "NetcfgInvalidSubnet",
		fmt.Sprintf("Subnet '%s' is not valid in virtual network '%s'.", subnet, vnet))
}

func subnetsOverlap(subnet, vnet string) *rest.Error {
	return rest.NewError(http.StatusBadRequest, "NetcfgSubnetRangesOverlap", fmt.Sprintf(
		"Subnet '%s' is not valid because its IP address range overlaps with that of an existing subnet in virtual network '%s'.", subnet, vnet))
}

func subnetInUse(subnet, owner string) *rest.Error {
	return rest.NewError(http.StatusBadRequest, "InUseSubnetCannotBeDeleted", fmt.Sprintf(
		"Subnet %s is in use by %s and cannot be deleted. In order to delete the subnet, delete all the resources within the subnet. See aka.ms/deletesubnet.", subnet, owner))
}

func prefixInUse(prefix netip.Prefix, subnet string) *rest.Error {
	return rest.NewError(http.StatusBadRequest, "InUsePrefixCannotBeDeleted",
		fmt.Sprintf("IpPrefix %s on Subnet %s has active allocations and cannot be deleted.", prefix, subnet))
}

func subnetFull(subnet string, bits int) *rest.Error {
	return rest.NewError(http.StatusBadRequest, "SubnetIsFull", fmt.Sprintf(
		"Subnet %s does not have enough capacity for a /%d address block.", subnet, bits))
}

func duplicateSubnet(subnet, vnet string) *rest.Error {
	return rest.NewError(http.StatusBadRequest, "InvalidRequestFormat",
		fmt.Sprintf("Cannot parse the request. Virtual network %s has subnet '%s' more than once.", vnet, subnet))
}

func missingConfiguration(nic armid.ID) *rest.Error {
	return rest.NewError(http.StatusBadRequest, "NetworkInterfaceMustHaveIpConfiguration", fmt.Sprintf(
		"Network interface %s must have one or more IP configurations.", nic))
}

func invalidAddress(address, owner string) *rest.Error {
	return rest.NewError(http.StatusBadRequest, "InvalidIPAddressFormat", fmt.Sprintf(
		"The private IP address '%s' of %s is not valid. Static allocation needs properties.privateIPAddress.", address, owner))
}

func outsideSubnet(address netip.Addr, subnet armid.ID) *rest.Error {
	return rest.NewError(http.StatusBadRequest, "PrivateIPAddressNotInSubnet", fmt.Sprintf(
		"Private static IP address %s does not belong to the range of subnet prefix of subnet %s.", address, subnet))
}

func addressInUse(address netip.Addr, owner string) *rest.Error {
	return rest.NewError(http.StatusBadRequest, "PrivateIPAddressInUse", fmt.Sprintf(
		"IP configuration cannot use private IP address %s: it is already allocated to resource %s.", address, owner))
}

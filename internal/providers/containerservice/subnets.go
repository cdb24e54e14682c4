package containerservice

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
)

// admitSubnets wants every subnet that is named, and none that overlaps the services' range.
func (p *Provider) admitSubnets(ctx context.Context, wanted properties) error {
	services, err := netip.ParsePrefix(wanted.NetworkProfile.ServiceCIDR)
	if err != nil {
		return fmt.Errorf("reading the service range: %w", err)
	}
	for _, pool := range wanted.AgentPools {
		if pool.VNetSubnetID == "" {
			continue
		}
		id, err := armid.Parse(pool.VNetSubnetID)
		if err != nil {
			return fmt.Errorf("reading a subnet's ID: %w", err)
		}
		subnet, err := p.Resources.Get(ctx, id)
		if rest.IsNotFound(err) {
			return refused("SubnetNotFound", "The subnet '"+pool.VNetSubnetID+"' of agent pool '"+pool.Name+"' was not found.", "agentPoolProfile.vnetSubnetID")
		}
		if err != nil {
			return fmt.Errorf("reading the subnet of pool %s: %w", pool.Name, err)
		}
		prefix, err := subnetPrefix(subnet)
		if err != nil {
			return err
		}
		if prefix.Overlaps(services) {
			return refused("ServiceCidrOverlapExistingSubnetsCidr", fmt.Sprintf(
				"The specified service CIDR %s is conflicted with an existing subnet CIDR %s", services, prefix), "networkProfile.serviceCIDR")
		}
	}
	return nil
}

func subnetPrefix(subnet *resource.Resource) (netip.Prefix, error) {
	is, err := resource.Read[struct {
		AddressPrefix   string   `json:"addressPrefix"`
		AddressPrefixes []string `json:"addressPrefixes"`
	}](subnet)
	if err != nil {
		return netip.Prefix{}, err
	}
	text := is.AddressPrefix
	if text == "" && len(is.AddressPrefixes) > 0 {
		text = is.AddressPrefixes[0]
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("reading the address range of subnet %s: %w", subnet.ID, err)
	}
	return prefix.Masked(), nil
}

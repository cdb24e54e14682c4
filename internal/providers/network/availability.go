package network

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"slices"

	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
)

// mostAvailable is how many other addresses an answer offers.
const mostAvailable = 5

// checkAddress tells whether an address of a network is free, and which are beside it:
// cloud providers ask before they give an internal load balancer an address.
func (p *Provider) checkAddress(ctx context.Context, r *providers.Request) (rest.Response, error) {
	address, err := netip.ParseAddr(r.Query.Get("ipAddress"))
	if err != nil || !address.Is4() {
		return rest.Response{}, rest.NewError(http.StatusBadRequest, "InvalidIPAddressFormat", fmt.Sprintf("'%s' is not an IPv4 address: name one in the parameter ipAddress.", r.Query.Get("ipAddress")))
	}
	subnets, err := p.cfg.Resources.List(ctx, r.Old.ID, subnetType)
	if err != nil {
		return rest.Response{}, err
	}
	for _, subnet := range subnets {
		whole, err := prefixOf(subnet)
		if err != nil {
			return rest.Response{}, err
		}
		if whole.Contains(address) {
			return p.available(ctx, subnet, whole, address)
		}
	}
	return rest.Response{}, rest.NewError(http.StatusBadRequest, "PrivateIPAddressNotInAnySubnet", fmt.Sprintf(
		"Private static IP address %s does not belong to the range of any subnet in virtual network %s.", address, r.Old.ID))
}

func (p *Provider) available(ctx context.Context, subnet *resource.Resource, whole netip.Prefix, address netip.Addr) (rest.Response, error) {
	given, err := p.allocations(ctx, subnet.ID)
	if err != nil {
		return rest.Response{}, err
	}
	platforms := slices.ContainsFunc(reserved(whole), func(r netip.Prefix) bool { return r.Contains(address) })
	body := map[string]any{"available": false, "isPlatformReserved": platforms}
	if !platforms && !slices.ContainsFunc(given.Parts, func(a part) bool { return a.Prefix.Contains(address) }) {
		body["available"] = true
		return rest.OK(body), nil
	}
	others := []string{}
	for len(others) < mostAvailable {
		one, ok := given.free(whole, whole.Addr().BitLen())
		if !ok {
			break
		}
		others = append(others, one.Addr().String())
		given.Parts = append(given.Parts, part{Prefix: one})
	}
	body["availableIPAddresses"] = others
	return rest.OK(body), nil
}

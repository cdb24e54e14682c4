package network

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/store"
)

// subnetProperties are what we understand of a subnet.
type subnetProperties struct {
	AddressPrefix        string   `json:"addressPrefix"`
	AddressPrefixes      []string `json:"addressPrefixes"`
	NetworkSecurityGroup *link    `json:"networkSecurityGroup"`
	RouteTable           *link    `json:"routeTable"`
	NATGateway           *link    `json:"natGateway"`
}

// link refers to another resource.
type link struct {
	ID string `json:"id"`
}

// prefix is the subnet's first address prefix; newer clients send a list.
func (s subnetProperties) prefix(id armid.ID) (netip.Prefix, error) {
	text := s.AddressPrefix
	if text == "" && len(s.AddressPrefixes) > 0 {
		text = s.AddressPrefixes[0]
	}
	if text == "" {
		return netip.Prefix{}, missingPrefix(id.Name())
	}
	p, err := parsePrefix(id.String(), text)
	if err != nil {
		return netip.Prefix{}, err
	}
	if p.Addr().Is4() && p.Bits() > maxSubnetBits {
		return netip.Prefix{}, subnetInvalid(id.Name(), id.Parent().Name())
	}
	return p, nil
}

// joins are the scopes that a subnet refers to, each with the action that its
// writer needs there.
func (s subnetProperties) joins() ([]providers.Linked, error) {
	var out []providers.Linked
	for _, j := range []struct {
		to           *link
		path, action string
	}{
		{s.NetworkSecurityGroup, "properties.networkSecurityGroup.id", namespace + "/networkSecurityGroups/join/action"},
		{s.RouteTable, "properties.routeTable.id", namespace + "/routeTables/join/action"},
		{s.NATGateway, "properties.natGateway.id", namespace + "/natGateways/join/action"},
	} {
		if j.to == nil || j.to.ID == "" {
			continue
		}
		id, err := armid.Parse(j.to.ID)
		if err != nil {
			return nil, rest.LinkedInvalidPropertyID(j.to.ID, j.path)
		}
		out = append(out, providers.Linked{Action: j.action, Scope: id})
	}
	return out, nil
}

// prefixOf is the prefix of a stored subnet.
func prefixOf(r *resource.Resource) (netip.Prefix, error) {
	props, err := resource.Read[subnetProperties](r)
	if err != nil {
		return netip.Prefix{}, err
	}
	return props.prefix(r.ID)
}

// completeSubnet checks a subnet by itself and fills in what the service shows.
func completeSubnet(next *resource.Resource) ([]providers.Linked, error) {
	props, err := resource.Read[subnetProperties](next)
	if err != nil {
		return nil, rest.InvalidRequestContent(err.Error())
	}
	if _, err := props.prefix(next.ID); err != nil {
		return nil, err
	}
	if err := setDefaults(next, map[string]any{
		"delegations": []any{}, "privateEndpointNetworkPolicies": "Disabled", "privateLinkServiceNetworkPolicies": "Enabled",
	}); err != nil {
		return nil, err
	}
	return props.joins()
}

// setDefaults writes the properties that the document doesn't have.
func setDefaults(r *resource.Resource, defaults map[string]any) error {
	has, err := resource.Read[map[string]any](r)
	if err != nil {
		return rest.InvalidRequestContent(err.Error())
	}
	for name := range has {
		delete(defaults, name)
	}
	return r.Merge(defaults)
}

func prepareSubnet(_ context.Context, r *providers.Request) error {
	joins, err := completeSubnet(r.Next)
	for _, j := range joins {
		r.Link(j.Action, j.Scope)
	}
	return err
}

func (p *Provider) admitSubnet(ctx context.Context, r *providers.Request) error {
	if err := p.lockLayout(ctx, r, r.Next.ID.Parent()); err != nil {
		return err
	}
	vnet, err := p.cfg.Resources.Get(ctx, r.Next.ID.Parent())
	if rest.IsNotFound(err) {
		return nil // the pipeline has the error for a missing parent
	}
	if err != nil {
		return err
	}
	stored, err := p.cfg.Resources.List(ctx, vnet.ID, subnetType)
	if err != nil {
		return err
	}
	layout := []*resource.Resource{r.Next}
	for _, s := range stored {
		if !s.ID.Equal(r.Next.ID) {
			layout = append(layout, s)
		}
	}
	if err := checkLayout(vnet, layout); err != nil {
		return err
	}
	if r.Old == nil {
		return nil
	}
	return p.keepPrefix(ctx, r, r.Old, r.Next)
}

// checkLayout refuses subnets that lie outside the network or on each other. The
// error names the first of the two.
func checkLayout(vnet *resource.Resource, subnets []*resource.Resource) error {
	spaces, err := spacesOf(vnet)
	if err != nil {
		return err
	}
	prefixes := make([]netip.Prefix, len(subnets))
	for i, s := range subnets {
		if prefixes[i], err = prefixOf(s); err != nil {
			return err
		}
		if !covered(prefixes[i], spaces) {
			return subnetInvalid(s.ID.Name(), vnet.ID.Name())
		}
	}
	for i, s := range subnets {
		for j := i + 1; j < len(subnets); j++ {
			if prefixes[i].Overlaps(prefixes[j]) {
				return subnetsOverlap(s.ID.Name(), vnet.ID.Name())
			}
		}
	}
	return nil
}

// keepPrefix refuses a new prefix for a subnet whose addresses are in use.
func (p *Provider) keepPrefix(ctx context.Context, r *providers.Request, old, next *resource.Resource) error {
	was, err := prefixOf(old)
	if err != nil {
		return err
	}
	wanted, err := prefixOf(next)
	if err != nil || was == wanted {
		return err
	}
	given, err := p.allocations(ctx, next.ID)
	if err != nil {
		return err
	}
	if len(given.Parts) > 0 {
		return prefixInUse(was, next.ID.Name())
	}
	r.Conds = append(r.Conds, store.Unchanged(allocationKey(next.ID), given.revision))
	return nil
}

func (p *Provider) removeSubnet(ctx context.Context, r *providers.Request) error {
	if err := p.lockLayout(ctx, r, r.Old.ID.Parent()); err != nil {
		return err
	}
	return p.vacate(ctx, r, r.Old.ID)
}

// vacate refuses to remove a subnet that is in use, and otherwise removes the
// record of its allocations with it.
func (p *Provider) vacate(ctx context.Context, r *providers.Request, subnet armid.ID) error {
	given, err := p.allocations(ctx, subnet)
	if err != nil {
		return err
	}
	if len(given.Parts) > 0 {
		return subnetInUse(subnet.Name(), given.Parts[0].Owner)
	}
	key := allocationKey(subnet)
	r.Conds = append(r.Conds, store.Unchanged(key, given.revision))
	r.Ops = append(r.Ops, store.Delete(key))
	return nil
}

// lockLayout lets only one of several writers of a network's subnets succeed:
// each decides by the subnets that it has seen. The others decide again.
func (p *Provider) lockLayout(ctx context.Context, r *providers.Request, vnet armid.ID) error {
	key := "/lanyard/network/layouts" + vnet.Key()
	item, err := p.cfg.Store.Get(ctx, key)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("locking the subnets of %s: %w", vnet, err)
	}
	r.Conds = append(r.Conds, store.Unchanged(key, item.Revision))
	r.Ops = append(r.Ops, store.Put(key, []byte(r.ID.String())))
	return nil
}

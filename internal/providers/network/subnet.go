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
	"github.com/lanyard-project/lanyard/internal/providers/shape"
	"github.com/lanyard-project/lanyard/internal/store"
)

// subnetProperties are what we understand of a subnet.
type subnetProperties struct {
	AddressPrefix   string   `json:"addressPrefix"`
	AddressPrefixes []string `json:"addressPrefixes"`
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

// subnetRules are what a subnet refers to, and what refers to it.
func subnetRules() shape.Rules {
	return shape.Rules{
		References: []shape.Reference{
			{Path: "networkSecurityGroup", To: securityGroupType, Action: joinGroup},
			{Path: "routeTable", To: routeTableType, Action: routeTableType + "/join/action"},
			{Path: "natGateway", To: natGatewayType, Action: natGatewayType + "/join/action"},
		},
		Backs: []shape.Back{
			{Member: "ipConfigurations", From: interfaceType + "/ipConfigurations"},
			{Member: "ipConfigurations", From: loadBalancerType + "/frontendIPConfigurations"},
			{Member: "privateEndpoints", From: privateEndpointType},
		},
	}
}

// subnetReferences reads what a subnet refers to; nil has none.
func subnetReferences(subnet *resource.Resource) ([]shape.Found, error) {
	if subnet == nil {
		return nil, nil
	}
	return subnetRules().Find(subnet)
}

// renderSubnet shows who has addresses of the subnet.
func (p *Provider) renderSubnet(ctx context.Context, r *resource.Resource, _ string) error {
	return p.deps().ShowBacks(ctx, r, subnetRules())
}

// trackSubnet writes down what the subnet refers to after the request.
func (p *Provider) trackSubnet(ctx context.Context, r *providers.Request, old, next *resource.Resource) error {
	had, err := subnetReferences(old)
	if err != nil {
		return err
	}
	has, err := subnetReferences(next)
	if err != nil {
		return err
	}
	return p.deps().Track(ctx, r, shape.Held(had), shape.Held(has))
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
func completeSubnet(next *resource.Resource) ([]shape.Found, error) {
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
	return subnetReferences(next)
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
	refs, err := completeSubnet(r.Next)
	shape.Link(r, refs, nil)
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
	if err := p.trackSubnet(ctx, r, r.Old, r.Next); err != nil {
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
	return p.vacate(ctx, r, r.Old, r.Old.ID)
}

// vacate refuses to remove a subnet that is in use, and otherwise removes the
// record of its allocations with it. References from within, which goes at the
// same time, don't count.
func (p *Provider) vacate(ctx context.Context, r *providers.Request, gone *resource.Resource, within armid.ID) error {
	subnet := gone.ID
	if err := p.trackSubnet(ctx, r, gone, nil); err != nil {
		return err
	}
	refuse := func(_ armid.ID, by []armid.ID) *rest.Error { return subnetInUse(subnet.Name(), by[0].String()) }
	if err := p.deps().Vacate(ctx, r, subnet, within, refuse); err != nil {
		return err
	}
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

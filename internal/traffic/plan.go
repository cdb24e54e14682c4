package traffic

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/clusters"
)

const (
	balancerType = "Microsoft.Network/loadBalancers"
	scaleSetType = "Microsoft.Compute/virtualMachineScaleSets"
)

// member is a machine of a backend pool.
type member struct {
	vnet    string // as the engine calls it
	address netip.Addr
}

// way is a rule in one virtual network, before anybody was probed.
type way struct {
	vnet    string
	rule    clusters.Forwarding // without backends
	public  bool
	members []netip.Addr
	probe   *check
}

// plan reads from the documents what there is to be.
func (c *Carrier) plan(ctx context.Context) ([]way, error) {
	all, err := c.options.Resources.List(ctx, armid.Root(), balancerType)
	if err != nil {
		return nil, err
	}
	var balancers []*resource.Resource
	documents := map[string]balancer{}
	for _, r := range all {
		d, err := resource.Read[balancer](r)
		if err != nil {
			c.options.Log.Warn("a load balancer carries nothing: its document can't be read", "id", r.ID.String(), "error", err)
			continue
		}
		if len(d.Rules) > 0 {
			balancers = append(balancers, r)
			documents[r.ID.Key()] = d
		}
	}
	if len(balancers) == 0 {
		return nil, nil
	}
	pools, err := c.pools(ctx)
	if err != nil {
		return nil, err
	}
	var ways []way
	for _, r := range balancers {
		more, err := c.waysOf(ctx, r.ID, documents[r.ID.Key()], pools)
		if err != nil {
			return nil, err
		}
		ways = append(ways, more...)
	}
	return ways, nil
}

// pools finds the machines of all pools, by the pool's key.
func (c *Carrier) pools(ctx context.Context) (map[string][]member, error) {
	sets, err := c.options.Resources.List(ctx, armid.Root(), scaleSetType)
	if err != nil {
		return nil, err
	}
	pools := map[string][]member{}
	for _, r := range sets {
		set, err := resource.Read[scaleSet](r)
		if err != nil {
			continue // of a shape that no machine of ours has
		}
		var in []string
		for _, nic := range set.Profile.Network.Interfaces {
			for _, address := range nic.Properties.Addresses {
				for _, pool := range address.Properties.Pools {
					in = append(in, pool.key())
				}
			}
		}
		if len(in) == 0 {
			continue
		}
		for _, m := range c.options.Machines.MachinesOf(r.ID) {
			for _, key := range in {
				pools[key] = append(pools[key], member{c.options.NetworkKey(m.VNet), m.Address})
			}
		}
	}
	return pools, nil
}

func (c *Carrier) waysOf(ctx context.Context, id armid.ID, d balancer, pools map[string][]member) ([]way, error) {
	frontends, probes := map[string]frontend{}, map[string]probe{}
	for _, f := range d.Frontends {
		frontends[id.Child("frontendIPConfigurations", f.Name).Key()] = f.Properties
	}
	for _, p := range d.Probes {
		probes[id.Child("probes", p.Name).Key()] = p.Properties
	}
	// Rules lead to pools of their own balancer alone: whoever writes it needs no right
	// to those of another.
	own := map[string][]member{}
	for _, p := range d.Pools {
		key := id.Child("backendAddressPools", p.Name).Key()
		own[key] = append(slices.Clone(pools[key]), c.named(p.Properties)...)
	}
	var ways []way
	for _, one := range d.Rules {
		r := one.Properties
		f, ok := frontends[r.Frontend.key()]
		if !ok {
			continue
		}
		address, public, err := c.address(ctx, f)
		if err != nil {
			return nil, err
		}
		if !address.Is4() {
			continue
		}
		w := way{public: public, rule: clusters.Forwarding{
			Address: address, Protocol: r.protocol(), Port: r.FrontendPort, BySource: !strings.EqualFold(r.Distribution, "Default") && r.Distribution != "",
		}}
		if !r.Floating && w.rule.Protocol != "" {
			w.rule.BackendPort = r.BackendPort
		}
		if p, ok := probes[r.Probe.key()]; ok {
			w.probe = p.check()
		}
		ways = append(ways, w.in(f, c.options.NetworkKey, r.members(own))...)
	}
	return ways, nil
}

// members are the machines of the rule's pools.
func (r rule) members(pools map[string][]member) []member {
	all := slices.Clone(pools[r.Pool.key()])
	for _, more := range r.Pools {
		if more.key() != r.Pool.key() {
			all = append(all, pools[more.key()]...)
		}
	}
	return all
}

// in makes a way for each virtual network that it leads through: for a private
// frontend its own.
func (w way) in(f frontend, key func(armid.ID) string, members []member) []way {
	byNetwork := map[string][]netip.Addr{}
	if f.Subnet != nil {
		if subnet, err := armid.Parse(f.Subnet.ID); err == nil {
			byNetwork[key(subnet.Parent())] = nil
		}
	}
	for _, m := range members {
		// A private address has a meaning in its own network only: elsewhere it may be a machine's.
		if _, here := byNetwork[m.vnet]; !w.public && !here {
			continue
		}
		if !slices.Contains(byNetwork[m.vnet], m.address) {
			byNetwork[m.vnet] = append(byNetwork[m.vnet], m.address)
		}
	}
	var ways []way
	for vnet, addresses := range byNetwork {
		slices.SortFunc(addresses, netip.Addr.Compare)
		one := w
		one.vnet, one.members = vnet, addresses
		ways = append(ways, one)
	}
	slices.SortFunc(ways, func(a, b way) int { return cmp.Compare(a.vnet, b.vnet) })
	return ways
}

// named are the machines that a pool knows by their addresses. Whatever else has an
// address in the network, the cloud's own services and clusters' API servers among it,
// is neither probed nor given connections: documents are written by anybody.
func (c *Carrier) named(p pool) []member {
	var out []member
	for _, one := range p.Addresses {
		network := one.Properties.VirtualNetwork
		if network == nil {
			network = p.VirtualNetwork
		}
		if network == nil {
			continue
		}
		vnet, err := armid.Parse(network.ID)
		if err != nil {
			continue
		}
		address, err := netip.ParseAddr(one.Properties.IPAddress)
		if err != nil {
			continue
		}
		if _, is := c.options.Machines.MachineAt(vnet, address); is {
			out = append(out, member{c.options.NetworkKey(vnet), address})
		}
	}
	return out
}

// address is where the frontend is found; none while its public address is gone.
func (c *Carrier) address(ctx context.Context, f frontend) (address netip.Addr, public bool, err error) {
	if f.PublicIPAddress == nil {
		address, _ = netip.ParseAddr(f.PrivateIPAddress)
		return address, false, nil
	}
	id, err := armid.Parse(f.PublicIPAddress.ID)
	if err != nil {
		return netip.Addr{}, true, nil //nolint:nilerr // a frontend without an address carries nothing
	}
	r, err := c.options.Resources.Get(ctx, id)
	if rest.IsNotFound(err) {
		return netip.Addr{}, true, nil
	}
	if err != nil {
		return netip.Addr{}, true, err
	}
	is, err := resource.Read[publicAddress](r)
	return is.IPAddress, true, err
}

package network

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/providers/shape"
	"github.com/lanyard-project/lanyard/internal/store"
)

// Machines tells which interfaces of scale sets' instances are in backend pools;
// compute.Provider does.
type Machines interface {
	// InPool lists those of a scale set, in the order of their addresses.
	InPool(scaleSet, pool armid.ID) []Member
}

// Member is an interface's address configuration that is in a backend pool.
type Member struct {
	Configuration armid.ID
	VNet          armid.ID
	Address       netip.Addr
}

// Types whose documents put machines into pools.
const (
	scaleSetType = "Microsoft.Compute/virtualMachineScaleSets"
	instanceType = scaleSetType + "/virtualMachines"
	poolType     = loadBalancerType + "/backendAddressPools"
)

// showPools shows which instances are in the pools: a scale set names a pool, what is
// in it are its instances' configurations.
func (p *Provider) showPools(ctx context.Context, d *shape.Document) error {
	pools := d.Properties.Objects("backendAddressPools")
	if len(pools) == 0 || p.cfg.Machines == nil {
		return nil
	}
	uses, err := d.Deps.Uses(ctx, d.ID)
	if err != nil {
		return err
	}
	for _, pool := range pools {
		for _, m := range p.instancesIn(uses, d.ID.Child("backendAddressPools", pool.Text("name"))) {
			pool.Append("properties.backendIPConfigurations", map[string]any{"id": m.Configuration.String()})
		}
	}
	return nil
}

// instancesIn are the instances of those scale sets among the users that are in the pool.
func (p *Provider) instancesIn(users []shape.Use, pool armid.ID) []Member {
	var sets []armid.ID
	for _, u := range users {
		set := u.By
		if set.Is(instanceType) {
			set = set.Parent()
		}
		if u.Target.Equal(pool) && set.Is(scaleSetType) && !slices.ContainsFunc(sets, set.Equal) {
			sets = append(sets, set)
		}
	}
	var members []Member
	for _, set := range sets {
		members = append(members, p.cfg.Machines.InPool(set, pool)...)
	}
	return members
}

// migratePools makes pools that know their machines by interfaces know them by
// addresses. Interfaces leave such a pool; scale sets keep naming it, as those with
// manual upgrades do, until they are written.
func (p *Provider) migratePools(ctx context.Context, r *providers.Request) (rest.Response, error) {
	var asked struct {
		Pools []string `json:"pools"`
	}
	if err := json.Unmarshal(r.Body, &asked); err != nil || len(asked.Pools) == 0 {
		return rest.Response{}, rest.InvalidRequestContent("The body must be an object with 'pools', a list of at least one backend pool's name")
	}
	if r.Old.Busy() {
		return rest.Response{}, rest.AnotherOperationInProgress(r.Old.ID.String(), "")
	}
	r.Next = r.Old.Clone()
	m := migration{p: p, request: r, leaving: map[string]*resource.Resource{}}
	err := shape.Show(ctx, p.deps(), r.Next, func(ctx context.Context, d *shape.Document) error {
		for _, name := range asked.Pools {
			at := slices.IndexFunc(d.Properties.Objects("backendAddressPools"), func(pool shape.Object) bool { return strings.EqualFold(pool.Text("name"), name) })
			if at < 0 {
				return rest.NewError(http.StatusNotFound, "NotFound", fmt.Sprintf("Resource %s not found.", r.ID.Child("backendAddressPools", name)))
			}
			if err := m.migrate(ctx, d.Properties.Objects("backendAddressPools")[at]); err != nil {
				return err
			}
		}
		return m.write()
	})
	return rest.OK(map[string]any{"migratedPools": asked.Pools}), err
}

// migration is one call's. An interface may be in several of its pools, and is written once.
type migration struct {
	p       *Provider
	request *providers.Request
	leaving map[string]*resource.Resource // interfaces as they are to be, by store key
}

// migrate writes the addresses of a pool's machines into it.
func (m *migration) migrate(ctx context.Context, pool shape.Object) error {
	id := m.request.ID.Child("backendAddressPools", pool.Text("name"))
	uses, err := m.p.deps().Uses(ctx, id)
	if err != nil {
		return err
	}
	var members []Member
	if m.p.cfg.Machines != nil {
		members = m.p.instancesIn(uses, id)
	}
	for _, u := range uses {
		if !u.By.Is(interfaceType + "/" + addressConfigurations) {
			continue
		}
		one, err := m.leave(ctx, u)
		if err != nil {
			return err
		}
		members = append(members, one)
	}
	known := map[string]bool{}
	for _, address := range pool.Objects("properties.loadBalancerBackendAddresses") {
		known[address.Text("properties.ipAddress")] = true
	}
	var networks []shape.Use
	for _, one := range members {
		if known[one.Address.String()] {
			continue
		}
		known[one.Address.String()] = true
		pool.Append("properties.loadBalancerBackendAddresses", map[string]any{
			"name":       one.Configuration.Parent().Parent().Name() + "_" + one.Configuration.Parent().Name(),
			"properties": map[string]any{"ipAddress": one.Address.String(), "virtualNetwork": map[string]any{"id": one.VNet.String()}},
		})
		if !slices.ContainsFunc(networks, func(n shape.Use) bool { return n.Target.Equal(one.VNet) }) {
			networks = append(networks, shape.Use{Target: one.VNet, By: id})
		}
	}
	return m.p.deps().Track(ctx, m.request, nil, networks)
}

// leave takes an interface out of a pool and returns where it is.
func (m *migration) leave(ctx context.Context, u shape.Use) (Member, error) {
	key := resource.StoreKey(u.By.Parent())
	if m.leaving[key] == nil {
		nic, err := m.p.cfg.Resources.Get(ctx, u.By.Parent())
		if err != nil {
			return Member{}, err
		}
		m.leaving[key] = nic.Clone()
	}
	at := Member{Configuration: u.By}
	err := shape.Show(ctx, m.p.deps(), m.leaving[key], func(_ context.Context, d *shape.Document) error {
		for _, c := range d.Properties.Objects(addressConfigurations) {
			if !strings.EqualFold(c.Text("name"), u.By.Name()) {
				continue
			}
			subnet, err := armid.Parse(c.Text("properties.subnet.id"))
			if err != nil {
				return fmt.Errorf("reading where %s is: %w", u.By, err)
			}
			if at.Address, err = netip.ParseAddr(c.Text("properties.privateIPAddress")); err != nil {
				return fmt.Errorf("reading where %s is: %w", u.By, err)
			}
			at.VNet = subnet.Parent()
			left := slices.DeleteFunc(c.List("properties.loadBalancerBackendAddressPools"), func(v any) bool {
				one, _ := v.(map[string]any)
				return strings.EqualFold(shape.Object(one).Text("id"), u.Target.String())
			})
			c.Set("properties.loadBalancerBackendAddressPools", left)
		}
		return nil
	})
	if err != nil {
		return Member{}, err
	}
	return at, m.p.deps().Track(ctx, m.request, []shape.Use{u}, nil)
}

// write adds the interfaces to the transaction of the pools.
func (m *migration) write() error {
	for key, nic := range m.leaving {
		raw, err := nic.Store()
		if err != nil {
			return err
		}
		m.request.Conds = append(m.request.Conds, store.Unchanged(key, nic.Revision))
		m.request.Ops = append(m.request.Ops, store.Put(key, raw))
	}
	return nil
}

package containerservice

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
)

// removeSurplus takes away the instances that the document no longer wants, and pools that are gone from it.
func (p *Provider) removeSurplus(ctx context.Context, w *work) error {
	wanted := map[string]bool{}
	for _, pool := range w.is.AgentPools {
		wanted[pool.Name] = true
	}
	for _, name := range w.state.poolNames() {
		for _, number := range w.state.Pools[name].Leaving {
			if err := p.drain(ctx, w, w.pool(name), number); err != nil {
				return err
			}
			if err := p.removeMachine(ctx, w, name, number); err != nil {
				return err
			}
		}
		if !wanted[name] && w.state.Pools[name].Simulated {
			if err := p.removeSimulated(ctx, w, name); err != nil {
				return err
			}
		}
		if !wanted[name] {
			if err := p.deleteResource(ctx, w, w.scaleSet(name)); err != nil {
				return err
			}
		}
	}
	return w.update(ctx, func(r *resource.Resource) error {
		s, err := readState(r)
		if err != nil {
			return err
		}
		for _, name := range s.poolNames() {
			left := s.Pools[name]
			for _, number := range left.Leaving {
				delete(s.Ranges, computerName(w.scaleSet(name).Name(), number))
				delete(left.Built, number)
			}
			left.Leaving = nil
			s.Pools[name] = left
			if !wanted[name] {
				delete(s.Pools, name)
			}
		}
		return r.SetInternal(s)
	})
}

// pool is the profile of that name, or one of that name alone if the document has it no longer.
func (w *work) pool(name string) pool {
	for _, p := range w.is.AgentPools {
		if p.Name == name {
			return p
		}
	}
	return pool{Name: name}
}

// removeMachine removes a node from a cluster that lives on, and then what is recorded of its machine.
func (p *Provider) removeMachine(ctx context.Context, w *work, pool string, number int) error {
	if err := p.Engine.DeleteNode(ctx, w.state.Key, computerName(w.scaleSet(pool).Name(), number)); err != nil {
		return err
	}
	return p.forgetMachine(ctx, w, pool, number)
}

// forgetMachine removes the record of a virtual machine that no longer runs, and gives its addresses back last: nobody
// else gets them while anything may still answer there.
func (p *Provider) forgetMachine(ctx context.Context, w *work, pool string, number int) error {
	scaleSet := w.scaleSet(pool)
	name := computerName(scaleSet.Name(), number)
	if err := p.Instances.DeleteInstance(ctx, w.service(), scaleSet, number); err != nil && !rest.IsNotFound(err) {
		return fmt.Errorf("removing virtual machine %s: %w", name, err)
	}
	for _, subnet := range w.subnets() {
		for _, owner := range []string{podsOwner(w, name), addressOwner(w, name)} {
			if err := p.Addresses.Release(ctx, subnet, owner); err != nil && !rest.IsNotFound(err) {
				return fmt.Errorf("giving back addresses of %s: %w", name, err)
			}
		}
	}
	return nil
}

// subnets are all that nodes of the cluster may have addresses in: releasing in one where there are none is no error.
// A pool that is gone from the document was in a subnet of the same network.
func (w *work) subnets() []armid.ID {
	all := []armid.ID{w.subnet(pool{})}
	if w.brought() {
		all = nil
	}
	for _, pool := range w.is.AgentPools {
		if id := w.subnet(pool); !slices.ContainsFunc(all, id.Equal) {
			all = append(all, id)
		}
	}
	return all
}

// deleteProcesses ends the cluster with all its nodes at once: it must not take a control plane that works to get rid
// of one that doesn't.
func (p *Provider) deleteProcesses(ctx context.Context, w *work) error {
	p.places.Lock()
	p.relays.end(w.state.Key)
	p.places.Unlock()
	if err := p.Engine.DeleteControlPlane(ctx, w.state.Key); err != nil {
		return err
	}
	if err := p.Platform.Disown(ctx, w.state.Key); err != nil {
		return err
	}
	if err := p.Etcd.Revoke(ctx, w.state.Key); err != nil {
		return fmt.Errorf("removing the cluster's part of etcd: %w", err)
	}
	return nil
}

func (p *Provider) deleteInstances(ctx context.Context, w *work) error {
	for _, name := range w.state.poolNames() {
		if w.state.Pools[name].Simulated {
			continue
		}
		for _, number := range slices.Concat(w.state.Pools[name].present(), w.state.Pools[name].Leaving) {
			if err := p.forgetMachine(ctx, w, name, number); err != nil {
				return err
			}
		}
	}
	return nil
}

// deleteNetwork ends the VNet's namespace unless another cluster is in the same network. A cluster that is being made
// has its record before its network, so it is seen here.
func (p *Provider) deleteNetwork(ctx context.Context, w *work) error {
	p.places.Lock()
	defer p.places.Unlock()
	others, err := w.run.Resources.List(ctx, armid.Root(), clusterType)
	if err != nil {
		return fmt.Errorf("looking for other clusters of the virtual network: %w", err)
	}
	for _, other := range others {
		o, err := read(w.run, other)
		if err != nil {
			return err
		}
		if !other.ID.Equal(w.cluster.ID) && o.vnet().Equal(w.vnet()) {
			return nil
		}
	}
	if err := p.Platform.Withdraw(ctx, w.vnet()); err != nil {
		return fmt.Errorf("ending the platform's listeners: %w", err)
	}
	return p.Engine.DeleteVNet(ctx, VNetKey(w.vnet()))
}

// revokeRole takes the control plane's role back. The group would take the assignment along, but not what the
// authorization provider keeps of it elsewhere.
func (p *Provider) revokeRole(ctx context.Context, w *work) error {
	principal, err := p.controlPlanePrincipal(ctx, w.cluster)
	if err != nil {
		return err
	}
	for _, one := range append([]string{principal}, w.state.Retired...) {
		if one == "" {
			continue
		}
		if err := p.Roles.Revoke(ctx, w.controlPlaneGrant(one)); err != nil {
			return fmt.Errorf("revoking Contributor on the node resource group: %w", err)
		}
	}
	return nil
}

// deleteNodeResourceGroup removes the group with everything in it, if it is this cluster's.
func (p *Provider) deleteNodeResourceGroup(ctx context.Context, w *work) error {
	group, err := w.run.Resources.Get(ctx, w.nodeGroup())
	if rest.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the node resource group: %w", err)
	}
	if managed, err := armid.Parse(group.ManagedBy); err != nil || !managed.Equal(w.cluster.ID) {
		return nil
	}
	return p.deleteResource(ctx, w, group.ID)
}

// deletePoll is how often a deletion that takes its time is asked for.
const deletePoll = 200 * time.Millisecond

// deleteResource deletes a resource and waits until it is gone.
func (p *Provider) deleteResource(ctx context.Context, w *work, id armid.ID) error {
	for start := p.Clock.Now(); p.Clock.Since(start) < long; {
		done, err := w.run.Resources.Delete(ctx, w.service(), id)
		if err != nil && !rest.IsNotFound(err) {
			return fmt.Errorf("deleting %s: %w", id, err)
		}
		if done || err != nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-p.Clock.After(deletePoll):
		}
	}
	return fmt.Errorf("deleting %s: it isn't gone after %s", id, long)
}

// deleteIdentity removes the principal of a system-assigned identity. A brought identity stays.
func (p *Provider) deleteIdentity(ctx context.Context, w *work) error {
	if !w.cluster.Identity.HasSystemAssigned() && len(w.state.Retired) == 0 {
		return nil
	}
	if err := p.Directory.DeleteManagedIdentity(ctx, w.cluster.ID); err != nil {
		return fmt.Errorf("removing the cluster's identity: %w", err)
	}
	return nil
}

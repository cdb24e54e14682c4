package containerservice

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers/authorization"
	"github.com/lanyard-project/lanyard/internal/providers/compute"
)

// contributorRole is what AKS grants the control plane on the node resource group.
const contributorRole = "b24988ac-6180-42a0-ab88-20f7382dd24c"

func (w *work) nodeGroup() armid.ID {
	return armid.ResourceGroup(w.cluster.ID.Subscription(), w.is.NodeResourceGroup)
}

// ensureNodeResourceGroup makes the group, or finds it as made by this cluster.
func (p *Provider) ensureNodeResourceGroup(ctx context.Context, w *work) error {
	group, err := w.run.Resources.Create(ctx, w.service(), &resource.Resource{
		ID: w.nodeGroup(), Location: w.cluster.Location, Tags: w.cluster.Tags, ManagedBy: lowerGroupSegment(w.cluster.ID),
	}, nil)
	if err != nil {
		return fmt.Errorf("making the node resource group: %w", err)
	}
	if !strings.EqualFold(group.ManagedBy, w.cluster.ID.String()) {
		return nodeResourceGroupExists(w.is.NodeResourceGroup)
	}
	return nil
}

// The address ranges of a network that nobody brought, as AKS has them.
const (
	defaultSpace  = "10.224.0.0/12"
	defaultSubnet = "10.224.0.0/16"
)

// ensureVNet makes a network in the node resource group for a cluster that was given none.
func (p *Provider) ensureVNet(ctx context.Context, w *work) error {
	if w.brought() {
		return nil
	}
	subnet := w.subnet(w.is.AgentPools[0])
	for _, wanted := range []struct {
		id         armid.ID
		location   string
		properties string
	}{
		{subnet.Parent(), w.cluster.Location, `{"addressSpace":{"addressPrefixes":["` + defaultSpace + `"]}}`},
		{subnet, "", `{"addressPrefix":"` + defaultSubnet + `"}`},
	} {
		next := &resource.Resource{ID: wanted.id, Location: wanted.location, Properties: json.RawMessage(wanted.properties)}
		if _, err := w.run.Resources.Create(ctx, w.service(), next, nil); err != nil {
			return fmt.Errorf("making the virtual network: %w", err)
		}
	}
	return nil
}

// brought reports whether the cluster is in a virtual network of the user's. All pools are in the same one.
func (w *work) brought() bool {
	for _, pool := range w.is.AgentPools {
		if pool.VNetSubnetID != "" {
			return true
		}
	}
	return false
}

// subnet is where a pool's nodes have their addresses.
func (w *work) subnet(pool pool) armid.ID {
	if id, err := armid.Parse(pool.VNetSubnetID); err == nil {
		return id
	}
	return w.nodeGroup().Extension("Microsoft.Network", "virtualNetworks", defaultVNetName(w.state.Digits)).Child("subnets", defaultSubnetName)
}

func (w *work) vnet() armid.ID {
	for _, pool := range w.is.AgentPools {
		return w.subnet(pool).Parent()
	}
	return w.subnet(pool{}).Parent()
}

// ensureRole grants the control plane Contributor on the node resource group. Granting twice is granting once. Whom the
// control plane acted as before loses the role then, and its principal if that was the cluster's own.
func (p *Provider) ensureRole(ctx context.Context, w *work) error {
	principal, err := p.controlPlanePrincipal(ctx, w.cluster)
	if err != nil {
		return err
	}
	if _, err := p.Roles.Grant(ctx, w.controlPlaneGrant(principal)); err != nil {
		return fmt.Errorf("granting Contributor on the node resource group: %w", err)
	}
	if len(w.state.Retired) == 0 {
		return nil
	}
	for _, former := range w.state.Retired {
		if strings.EqualFold(former, principal) {
			continue
		}
		if err := p.Roles.Revoke(ctx, w.controlPlaneGrant(former)); err != nil {
			return fmt.Errorf("revoking the former identity's role: %w", err)
		}
	}
	if !w.cluster.Identity.HasSystemAssigned() {
		if err := p.Directory.DeleteManagedIdentity(ctx, w.cluster.ID); err != nil {
			return fmt.Errorf("removing the former identity: %w", err)
		}
	}
	return w.update(ctx, func(r *resource.Resource) error {
		s, err := readState(r)
		if err != nil {
			return err
		}
		s.Retired = nil
		return r.SetInternal(s)
	})
}

func (w *work) controlPlaneGrant(principal string) authorization.Grant {
	return authorization.Grant{By: w.service(), Scope: w.nodeGroup(), Role: contributorRole, PrincipalID: principal}
}

// ensureKubeletIdentity makes the nodes' identity, unless one was brought or they have a service principal.
func (p *Provider) ensureKubeletIdentity(ctx context.Context, w *work) error {
	_, err := p.kubelet(ctx, w)
	return err
}

// kubelet is the identity of the cluster's nodes; zero with a service principal. The service's own one is made again where
// somebody deleted it. It is another one then, without the former one's roles, and the nodes work as it from now on.
func (p *Provider) kubelet(ctx context.Context, w *work) (identity, error) {
	if none(w.cluster.Identity) {
		return identity{}, nil
	}
	if brought, ok := p.broughtKubelet(w.cluster.ID, w.is); ok {
		return brought, nil
	}
	id := w.nodeGroup().Extension("Microsoft.ManagedIdentity", "userAssignedIdentities", kubeletIdentityName(w.cluster.ID.Name()))
	if found, err := p.userAssigned(ctx, id.String()); !rest.HasCode(err, identityNotFound) {
		return found, err
	}
	made, err := p.Identities.Ensure(ctx, w.service(), id, w.cluster.Location, w.cluster.Tags)
	if err != nil {
		return identity{}, fmt.Errorf("making the kubelet identity: %w", err)
	}
	return readIdentity(made)
}

func (w *work) scaleSet(pool string) armid.ID {
	return w.nodeGroup().Extension("Microsoft.Compute", "virtualMachineScaleSets", scaleSetName(pool, w.state.Digits))
}

// ensureScaleSets makes a scale set for each pool, with its nodes' identities on it. Identities that others have put on
// it since are left alone, and so is a capacity that a cluster autoscaler wrote while the operation ran: the pool follows
// when the operation is over.
func (p *Provider) ensureScaleSets(ctx context.Context, w *work) error {
	if err := p.planInstances(ctx, w); err != nil {
		return err
	}
	known, err := p.identities(ctx, w)
	if err != nil {
		return err
	}
	for _, pool := range w.is.AgentPools {
		wanted, err := w.scaleSetDocument(pool)
		if err != nil {
			return err
		}
		keep, err := identitiesOf(w.state.Pools[pool.Name], known)
		if err != nil {
			return err
		}
		if keep != nil {
			wanted.Identity = keep.Clone()
		}
		if _, err := w.run.Resources.Create(ctx, w.service(), wanted, nil); err != nil {
			return fmt.Errorf("making the scale set of pool %s: %w", pool.Name, err)
		}
		if _, err := w.run.Resources.Update(ctx, wanted.ID, func(r *resource.Resource) error {
			capacity, _, err := compute.Wanted(r)
			if err != nil {
				return err
			}
			r.SKU, r.Tags = wanted.SKU, wanted.Tags
			if capacity >= 0 && pool.Count == w.state.Pools[pool.Name].Capacity {
				if r.SKU, err = scaleSetSize(pool, capacity); err != nil {
					return err
				}
			}
			return keepIdentities(r, keep)
		}); err != nil {
			return fmt.Errorf("updating the scale set of pool %s: %w", pool.Name, err)
		}
	}
	return w.updateState(ctx, func(s *state) {
		for _, pool := range w.is.AgentPools {
			known := s.Pools[pool.Name].clone()
			known.Capacity = pool.Count
			s.Pools[pool.Name] = known
		}
	})
}

func scaleSetSize(pool pool, capacity int) (json.RawMessage, error) {
	size, err := json.Marshal(map[string]any{"name": pool.VMSize, "tier": "Standard", "capacity": capacity})
	if err != nil {
		return nil, fmt.Errorf("writing the scale set's size: %w", err)
	}
	return size, nil
}

// identitiesOf are the identities that a pool's scale set has to hold, nil if none.
func identitiesOf(s poolState, known map[string]identity) (*resource.Identity, error) {
	var held *resource.Identity
	for _, key := range s.kubelets() {
		kubelet, ok := known[strings.ToLower(key)]
		if !ok {
			continue
		}
		id, err := armid.Parse(kubelet.ResourceID)
		if err != nil {
			return nil, fmt.Errorf("reading the kubelet identity's ID: %w", err)
		}
		if held == nil {
			held = &resource.Identity{Type: resource.IdentityUserAssigned}
		}
		held.Assign(id, resource.UserAssignedIdentity{ClientID: kubelet.ClientID, PrincipalID: kubelet.ObjectID})
	}
	return held, nil
}

// keepIdentities puts the nodes' identities back where somebody took them away: without them the nodes can't work.
func keepIdentities(r *resource.Resource, keep *resource.Identity) error {
	for _, key := range keep.Keys() {
		id, err := armid.Parse(key)
		if err != nil {
			return fmt.Errorf("reading an identity's ID: %w", err)
		}
		keepIdentity(r, id, *keep.UserAssigned[key])
	}
	return nil
}

func keepIdentity(r *resource.Resource, id armid.ID, entry resource.UserAssignedIdentity) {
	switch {
	case r.Identity == nil:
		r.Identity = &resource.Identity{Type: resource.IdentityUserAssigned}
	case r.Identity.HasUserAssigned():
	case r.Identity.HasSystemAssigned():
		r.Identity.Type = resource.IdentitySystemAssignedUserAssigned
	default:
		r.Identity.Type = resource.IdentityUserAssigned
	}
	r.Identity.Assign(id, entry)
}

func (w *work) scaleSetDocument(pool pool) (*resource.Resource, error) {
	id := w.scaleSet(pool.Name)
	sku, err := scaleSetSize(pool, pool.Count)
	if err != nil {
		return nil, err
	}
	type object = map[string]any
	properties, err := json.Marshal(object{
		"overprovision":        false,
		"singlePlacementGroup": false,
		"upgradePolicy":        object{"mode": "Manual"},
		"uniqueId":             derivedGUID(w.state.Key, id.Name()),
		"virtualMachineProfile": object{
			"osProfile":      object{"computerNamePrefix": id.Name(), "adminUsername": "azureuser"},
			"networkProfile": object{"networkInterfaceConfigurations": []object{{"name": id.Name(), "properties": w.nodeInterface(pool)}}},
		},
	})
	if err != nil {
		return nil, fmt.Errorf("writing the scale set's properties: %w", err)
	}
	tags := map[string]string{
		"aks-managed-poolName":     pool.Name,
		"aks-managed-orchestrator": "Kubernetes:" + w.is.KubernetesVersion,
	}
	for name, value := range w.cluster.Tags {
		tags[name] = value
	}
	for name, value := range pool.Tags {
		tags[name] = value
	}
	return &resource.Resource{ID: id, Location: w.cluster.Location, Tags: tags, SKU: sku, Properties: properties}, nil
}

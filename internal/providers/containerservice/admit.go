package containerservice

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/providers/managedidentity"
)

// admit makes the checks that need to look around, gives the cluster its identity, which clients want to see in the
// first answer already, and starts the plan.
func (p *Provider) admit(ctx context.Context, r *providers.Request) error {
	if r.Method == providers.Patch {
		return nil
	}
	wanted, err := resource.Read[properties](r.Next)
	if err != nil {
		return err
	}
	if err := p.admitSubnets(ctx, wanted); err != nil {
		return err
	}
	if r.Creating() {
		if err := p.admitNodeResourceGroup(ctx, r.ID, wanted.NodeResourceGroup); err != nil {
			return err
		}
		if err := p.giveIdentity(ctx, r); err != nil {
			return err
		}
	}
	if err := p.admitKubeletIdentity(ctx, r, wanted); err != nil {
		return err
	}
	return r.Start(planReconcile, nil)
}

// busy answers a write while a plan works on the cluster.
func busy(current *resource.Resource) *rest.Error {
	return operationNotAllowed(current.ProvisioningState)
}

// admitNodeResourceGroup refuses a group that is there, unless it is this cluster's own: what an earlier cluster of
// the same ID left when its deletion was cut off is taken over.
func (p *Provider) admitNodeResourceGroup(ctx context.Context, cluster armid.ID, name string) error {
	group, err := p.Resources.Get(ctx, armid.ResourceGroup(cluster.Subscription(), name))
	switch {
	case rest.IsNotFound(err):
		return nil
	case err != nil:
		return fmt.Errorf("looking for the node resource group: %w", err)
	case strings.EqualFold(group.ManagedBy, cluster.String()):
		return nil
	case group.ManagedBy != "":
		return refused("NodeResourceGroupManagedByAnotherResource", "The node resource group '"+name+"' is managed by '"+group.ManagedBy+"'.", "nodeResourceGroup")
	}
	return nodeResourceGroupExists(name)
}

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

// giveIdentity makes the system-assigned principal in the cluster's own transaction, or looks the brought one up.
func (p *Provider) giveIdentity(ctx context.Context, r *providers.Request) error {
	if r.Next.Identity.HasSystemAssigned() {
		principal, conds, ops, err := managedidentity.MakePrincipal(ctx, p.Directory, r.ID, false)
		if err != nil {
			return err
		}
		r.Conds, r.Ops = append(r.Conds, conds...), append(r.Ops, ops...)
		r.Next.Identity.PrincipalID, r.Next.Identity.TenantID = principal.ObjectID, principal.TenantID
		return nil
	}
	for key := range r.Next.Identity.UserAssigned {
		found, err := p.userAssigned(ctx, key)
		if err != nil {
			return err
		}
		r.Next.Identity.UserAssigned[key] = &resource.UserAssignedIdentity{ClientID: found.ClientID, PrincipalID: found.ObjectID}
	}
	return nil
}

// admitKubeletIdentity checks that the control plane may assign a brought kubelet identity. One identity in both roles
// needs no grant over itself.
func (p *Provider) admitKubeletIdentity(ctx context.Context, r *providers.Request, wanted properties) error {
	brought, ok := wanted.IdentityProfile[kubeletIdentity]
	if !ok || !r.Creating() {
		return nil
	}
	found, err := p.userAssigned(ctx, brought.ResourceID)
	if err != nil {
		return err
	}
	if brought.ClientID != "" && !strings.EqualFold(brought.ClientID, found.ClientID) || brought.ObjectID != "" && !strings.EqualFold(brought.ObjectID, found.ObjectID) {
		return refused("CustomKubeletIdentityPropertyError", "The client ID or object ID given for the kubelet identity is not that of '"+brought.ResourceID+"'.", "identityProfile.kubeletidentity")
	}
	id, err := armid.Parse(brought.ResourceID)
	if err != nil {
		return fmt.Errorf("reading the kubelet identity's ID: %w", err)
	}
	if principal := controlPlanePrincipal(r.Next); !strings.EqualFold(principal, found.ObjectID) {
		as := providers.Caller{TenantID: p.TenantID, ObjectID: principal, Type: "ManagedIdentity"}
		if allowed, _ := p.Roles.Check(ctx, as, assignAction, id); !allowed {
			return kubeletIdentityMissingPermission()
		}
	}
	return r.Next.Merge(map[string]any{"identityProfile": map[string]any{kubeletIdentity: found}})
}

// userAssigned looks up a user-assigned identity.
func (p *Provider) userAssigned(ctx context.Context, key string) (identity, error) {
	id, err := armid.Parse(key)
	if err != nil {
		return identity{}, invalidIdentityID(key)
	}
	found, err := p.Resources.Get(ctx, id)
	if rest.IsNotFound(err) {
		return identity{}, &rest.Error{Status: http.StatusNotFound, Code: "GetUserAssignedIdentityResourceError", Message: rest.AsError(err).Message}
	}
	if err != nil {
		return identity{}, fmt.Errorf("reading a user-assigned identity: %w", err)
	}
	return readIdentity(found)
}

func readIdentity(r *resource.Resource) (identity, error) {
	is, err := resource.Read[struct {
		ClientID    string `json:"clientId"`
		PrincipalID string `json:"principalId"`
	}](r)
	if err != nil {
		return identity{}, err
	}
	return identity{ResourceID: lowerGroupSegment(r.ID), ClientID: is.ClientID, ObjectID: is.PrincipalID}, nil
}

// lowerGroupSegment spells an ID as the identity provider and AKS do.
func lowerGroupSegment(id armid.ID) string {
	return strings.Replace(id.String(), "/resourceGroups/", "/resourcegroups/", 1)
}

// controlPlanePrincipal is the object ID that the control plane acts as.
func controlPlanePrincipal(cluster *resource.Resource) string {
	if cluster.Identity.HasSystemAssigned() {
		return cluster.Identity.PrincipalID
	}
	for _, i := range cluster.Identity.UserAssigned {
		return i.PrincipalID
	}
	return ""
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

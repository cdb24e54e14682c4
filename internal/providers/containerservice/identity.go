package containerservice

import (
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
)

const kubeletIdentity = "kubeletidentity"

// none reports whether there is no managed identity: such a cluster has a service principal.
func none(i *resource.Identity) bool {
	return i == nil || i.Type == "" || strings.EqualFold(i.Type, resource.IdentityNone)
}

// prepareIdentity checks the identity block of a create or an update, and completes it. before are the properties of the
// stored cluster, nil when it is made.
func (p *Provider) prepareIdentity(r *providers.Request, before *properties, wanted properties) *rest.Error {
	next := r.Next.Identity
	if none(next) {
		return p.prepareNoIdentity(r, before, wanted)
	}
	switch {
	case next.TenantID != "" && r.Old != nil && !none(r.Old.Identity) && r.Old.Identity.TenantID != "" && !strings.EqualFold(next.TenantID, r.Old.Identity.TenantID):
		// A cluster stays in its tenant.
		return changeNotAllowed("identity.tenantId")
	case strings.EqualFold(next.Type, resource.IdentitySystemAssigned):
		if e := samePrincipal(r.Old, next); e != nil {
			return e
		}
		*next = resource.Identity{Type: resource.IdentitySystemAssigned}
	case strings.EqualFold(next.Type, resource.IdentityUserAssigned):
		if e := oneUserAssigned(next); e != nil {
			return e
		}
		next.Type, next.PrincipalID, next.TenantID = resource.IdentityUserAssigned, "", ""
	default:
		return refused("InvalidParameter", "The identity type '"+next.Type+"' is not one of None, SystemAssigned and UserAssigned.", "identity.type")
	}
	switch {
	case r.Old == nil && wanted.servicePrincipal():
		return refused("InvalidParameter", "A cluster has either a managed identity or a service principal: give identity or servicePrincipalProfile, not both.", "servicePrincipalProfile")
	case r.Old != nil && sameIdentity(r.Old.Identity, next):
		r.Next.Identity = r.Old.Identity.Clone()
	case r.Old != nil && !none(r.Old.Identity) && p.Rules.Of2020:
		return identitiesImmutable()
	}
	return p.prepareKubelet(r, before, wanted)
}

// prepareNoIdentity accepts a request without an identity block: an update leaves the cluster's as it is, and a new
// cluster needs a service principal.
func (p *Provider) prepareNoIdentity(r *providers.Request, before *properties, wanted properties) *rest.Error {
	explicit := r.Next.Identity != nil && r.Next.Identity.Type != ""
	r.Next.Identity = nil
	if r.Old != nil && !none(r.Old.Identity) {
		if explicit {
			// "Once you create a cluster with a managed identity, you can't switch back to using a service principal".
			return changeNotAllowed("identity.type")
		}
		r.Next.Identity = r.Old.Identity.Clone()
		return p.prepareKubelet(r, before, wanted)
	}
	if !wanted.servicePrincipal() && (r.Old != nil || !p.Rules.Of2020) {
		return servicePrincipalMissing()
	}
	if _, brought := wanted.IdentityProfile[kubeletIdentity]; brought {
		return kubeletIdentityNeedsUserAssigned()
	}
	return nil
}

// servicePrincipal reports whether the cluster works as an application of the user's.
func (p properties) servicePrincipal() bool {
	return p.ServicePrincipalProfile != nil && p.ServicePrincipalProfile.ClientID != "" && !strings.EqualFold(p.ServicePrincipalProfile.ClientID, managedIdentityClient)
}

func samePrincipal(old *resource.Resource, next *resource.Identity) *rest.Error {
	have := ""
	if old != nil && old.Identity != nil {
		have = old.Identity.PrincipalID
	}
	if next.PrincipalID == "" || strings.EqualFold(next.PrincipalID, have) {
		return nil
	}
	return refused("InvalidParameter", "The principalId '"+next.PrincipalID+"' on the resource's Identity property is invalid and must be empty or match the existing principalId of '"+have+"'.", "identity.principalId")
}

func oneUserAssigned(i *resource.Identity) *rest.Error {
	if len(i.UserAssigned) != 1 {
		return refused("InvalidParameter", "A managed cluster has exactly one user-assigned identity.", "identity.userAssignedIdentities")
	}
	for key := range i.UserAssigned {
		if id, err := armid.Parse(key); err != nil || !id.Is(identityType) {
			return invalidIdentityID(key)
		}
	}
	return nil
}

// sameIdentity reports whether an update names the identity that the cluster has.
func sameIdentity(old, next *resource.Identity) bool {
	if none(old) || !strings.EqualFold(old.Type, next.Type) || len(old.UserAssigned) != len(next.UserAssigned) {
		return false
	}
	for key := range next.UserAssigned {
		if id, err := armid.Parse(key); err == nil {
			if found, _ := old.Find(id); found == "" {
				return false
			}
		}
	}
	return true
}

// prepareKubelet checks the kubelet identity. One of the user's needs a control plane with one of the user's, which has to
// be allowed to assign it.
func (p *Provider) prepareKubelet(r *providers.Request, before *properties, wanted properties) *rest.Error {
	kubelet, ok := p.broughtKubelet(r.ID, wanted)
	changed := before != nil && p.kubeletChanges(*before, wanted)
	if changed {
		was := before.IdentityProfile[kubeletIdentity]
		switch {
		case p.Rules.Of2020:
			return kubeletChangeNotAllowed(was, wanted.IdentityProfile[kubeletIdentity])
		case p.Rules.WithholdNodeImages:
			return noNodeImage()
		}
	}
	if !ok {
		return nil
	}
	if !r.Next.Identity.HasUserAssigned() {
		return kubeletIdentityNeedsUserAssigned()
	}
	if id, err := armid.Parse(kubelet.ResourceID); err != nil || !id.Is(identityType) {
		return refused("CustomKubeletIdentityPropertyError", "The resource ID '"+kubelet.ResourceID+"' of the kubelet identity is not that of a user-assigned identity.", "identityProfile.kubeletidentity")
	}
	return nil
}

// kubeletChanges reports whether the update names another kubelet identity than the cluster has. A cluster that has none
// yet, since it had a service principal, changes nothing by naming one.
func (p *Provider) kubeletChanges(before, wanted properties) bool {
	b, w := before.IdentityProfile[kubeletIdentity], wanted.IdentityProfile[kubeletIdentity]
	return b.ResourceID != "" && !strings.EqualFold(b.ResourceID, w.ResourceID)
}

// broughtKubelet returns the kubelet identity if it is one of the user's. The one that AKS makes is known by its place and
// its name.
func (p *Provider) broughtKubelet(cluster armid.ID, wanted properties) (identity, bool) {
	kubelet, ok := wanted.IdentityProfile[kubeletIdentity]
	if !ok {
		return identity{}, false
	}
	id, err := armid.Parse(kubelet.ResourceID)
	own := armid.ResourceGroup(cluster.Subscription(), wanted.NodeResourceGroup).Extension("Microsoft.ManagedIdentity", "userAssignedIdentities", kubeletIdentityName(cluster.Name()))
	return kubelet, err != nil || !id.Equal(own)
}

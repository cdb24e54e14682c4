package containerservice

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
)

// What the control plane's principal has to be allowed on what the user brought, as AKS checks it. The caller's own rights
// are the pipeline's matter. A grant that is given after a refusal makes the same request succeed.
const (
	joinAction       = subnetType + "/join/action"
	readSubnet       = subnetType + "/read"
	routeTableType   = "Microsoft.Network/routeTables"
	privateZoneType  = "Microsoft.Network/privateDnsZones"
	userDefinedRoute = "userDefinedRouting"
)

// admitRights makes all checks of the control plane's rights.
func (p *Provider) admitRights(ctx context.Context, r *providers.Request, wanted properties) error {
	principal, err := p.controlPlanePrincipal(ctx, r.Next)
	if err != nil {
		return err
	}
	var before properties
	another := true // the control plane is another principal than before
	if r.Old != nil {
		if before, err = resource.Read[properties](r.Old); err != nil {
			return err
		}
		old, err := p.controlPlanePrincipal(ctx, r.Old)
		if err != nil {
			return err
		}
		another = !strings.EqualFold(old, principal)
	}
	for _, pool := range wanted.AgentPools {
		if pool.VNetSubnetID == "" || !another && before.hasSubnet(pool.VNetSubnetID) {
			continue
		}
		if err := p.admitSubnetRights(ctx, r.Next, wanted, principal, pool.VNetSubnetID); err != nil {
			return err
		}
	}
	if wanted.NetworkProfile.OutboundType == userDefinedRoute && !wanted.brought() {
		return noRouteTable("(none)")
	}
	if err := p.admitZoneRights(ctx, r.Next, wanted, principal, another); err != nil {
		return err
	}
	return p.admitKubeletIdentity(ctx, r, before, wanted, principal, another)
}

func (p properties) hasSubnet(id string) bool {
	for _, pool := range p.AgentPools {
		if strings.EqualFold(pool.VNetSubnetID, id) {
			return true
		}
	}
	return false
}

// brought reports whether a pool is in a subnet of the user's.
func (p properties) brought() bool {
	for _, pool := range p.AgentPools {
		if pool.VNetSubnetID != "" {
			return true
		}
	}
	return false
}

func (p *Provider) may(ctx context.Context, principal, action string, scope armid.ID) bool {
	allowed, _ := p.Roles.Check(ctx, providers.Caller{TenantID: p.tenant(scope), ObjectID: principal, Type: "ManagedIdentity"}, action, scope)
	return allowed
}

// admitSubnetRights wants the control plane to be allowed to put nodes into a brought subnet, and to write the routes of
// its table. A system-assigned principal can have no role before the cluster is there: its tools grant one afterwards.
func (p *Provider) admitSubnetRights(ctx context.Context, cluster *resource.Resource, wanted properties, principal, subnetID string) error {
	id, err := armid.Parse(subnetID)
	if err != nil {
		return fmt.Errorf("reading a subnet's ID: %w", err)
	}
	subnet, err := p.Resources.Get(ctx, id)
	if err != nil {
		return fmt.Errorf("reading a brought subnet: %w", err)
	}
	is, err := resource.Read[struct {
		RouteTable struct {
			ID string `json:"id"`
		} `json:"routeTable"`
	}](subnet)
	if err != nil {
		return err
	}
	table := is.RouteTable.ID
	routed := wanted.NetworkProfile.OutboundType == userDefinedRoute
	kubenet := wanted.NetworkProfile.NetworkPlugin == pluginKubenet
	system := cluster.Identity.HasSystemAssigned()
	switch {
	case routed && table == "":
		return noRouteTable(subnetID)
	case table != "" && (routed || kubenet) && system:
		return routeTableNeedsUserAssigned()
	case kubenet && system && p.Rules.Strict:
		return networkNeedsUserAssigned()
	case system || principal == "":
		return nil
	}
	for _, action := range []string{readSubnet, joinAction} {
		if !p.may(ctx, principal, action, subnet.ID) {
			return subnetMissingPermission(principal, cluster.ID, action, subnetID)
		}
	}
	if table == "" || !routed && !kubenet {
		return nil
	}
	routes, err := armid.Parse(table)
	if err != nil {
		return rest.LinkedInvalidPropertyID(table, "properties.routeTable.id")
	}
	for _, action := range []string{routeTableType + "/read", routeTableType + "/write"} {
		if !p.may(ctx, principal, action, routes) {
			return routeTableMissingPermission(table)
		}
	}
	return nil
}

// subnetMissingPermission is ARM's refusal of a principal that may write the scale sets, but not join them to the subnet.
func subnetMissingPermission(principal string, cluster armid.ID, action, subnet string) *rest.Error {
	return &rest.Error{Status: http.StatusForbidden, Code: "LinkedAuthorizationFailed", Message: "The client '" + principal + "' with object id '" + principal +
		"' has permission to perform action '" + scaleSetType + "/write' on scope '" + lowerGroupSegment(cluster) +
		"'; however, it does not have permission to perform action(s) '" + action + "' on the linked scope(s) '" + subnet +
		"' (respectively) or the linked scope(s) are invalid. Grant the control plane's identity the role Network Contributor on the subnet."}
}

// admitZoneRights wants the control plane to be allowed to write the records of a brought private DNS zone.
func (p *Provider) admitZoneRights(ctx context.Context, cluster *resource.Resource, wanted properties, principal string, another bool) error {
	zone := wanted.APIServerAccessProfile.PrivateDNSZone
	if !another || zone == "" || strings.EqualFold(zone, "system") || strings.EqualFold(zone, "none") {
		return nil
	}
	id, err := armid.Parse(zone)
	if err != nil || !id.Is(privateZoneType) {
		return rest.LinkedInvalidPropertyID(zone, "properties.apiServerAccessProfile.privateDNSZone")
	}
	if cluster.Identity.HasSystemAssigned() {
		return zoneNeedsUserAssigned()
	}
	for _, action := range []string{privateZoneType + "/read", privateZoneType + "/write"} {
		if !p.may(ctx, principal, action, id) {
			return zoneMissingPermission(zone, action)
		}
	}
	return nil
}

// admitKubeletIdentity checks that the control plane may assign a brought kubelet identity. One identity in both roles
// needs no grant over itself, unless AKS's own check is asked for. One that was made again under the same name is another,
// and is taken up as such; requests then still name the IDs of the one before, which tools have read and send back.
func (p *Provider) admitKubeletIdentity(ctx context.Context, r *providers.Request, before, wanted properties, principal string, another bool) error {
	brought, ok := p.broughtKubelet(r.ID, wanted)
	if !ok {
		return nil
	}
	was := before.IdentityProfile[kubeletIdentity]
	if !strings.EqualFold(was.ResourceID, brought.ResourceID) {
		was = identity{}
	}
	found, err := p.userAssigned(ctx, brought.ResourceID)
	gone := rest.HasCode(err, identityNotFound) // which is said when the operation has done all else
	switch {
	case !another && was.ResourceID != "" && (gone || err == nil && strings.EqualFold(found.ObjectID, was.ObjectID)):
		return r.Next.Merge(kubeletProfile(was)) // as it was spelled: nodes aren't made anew for that
	case err != nil:
		return err
	case !isOneOf(brought.ClientID, found.ClientID, was.ClientID) || !isOneOf(brought.ObjectID, found.ObjectID, was.ObjectID):
		return refused("CustomKubeletIdentityPropertyError", "The client ID or object ID given for the kubelet identity is not that of '"+brought.ResourceID+"'.", "identityProfile.kubeletidentity")
	}
	id, err := armid.Parse(brought.ResourceID)
	if err != nil {
		return errors.New("reading the kubelet identity's ID: it is none")
	}
	if (p.Rules.Strict || !strings.EqualFold(principal, found.ObjectID)) && !p.may(ctx, principal, assignAction, id) {
		return kubeletIdentityMissingPermission()
	}
	return r.Next.Merge(kubeletProfile(found))
}

func kubeletProfile(kubelet identity) object {
	return object{"identityProfile": object{kubeletIdentity: kubelet}}
}

// isOneOf reports whether an ID that a request may leave out is one of two.
func isOneOf(id, one, other string) bool {
	return id == "" || strings.EqualFold(id, one) || strings.EqualFold(id, other)
}

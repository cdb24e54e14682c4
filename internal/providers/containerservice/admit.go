package containerservice

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/directory"
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
	if wanted.connected() {
		return p.admitConnected(ctx, r, wanted)
	}
	if r.Old != nil {
		if e := running(r.Old); e != nil {
			return e
		}
		before, err := resource.Read[properties](r.Old)
		if err != nil {
			return err
		}
		if e := p.changeable(r.ID, before, wanted); e != nil {
			return e
		}
	}
	if r.Creating() && (p.PauseImage == "" || len(p.Images) == 0) {
		return noNodePrograms()
	}
	if e := p.offered(r, wanted); e != nil {
		return e
	}
	if e := p.admitSimulated(wanted); e != nil {
		return e
	}
	if err := p.admitSubnets(ctx, wanted); err != nil {
		return err
	}
	if r.Creating() {
		if err := p.admitNodeResourceGroup(ctx, r.ID, wanted.NodeResourceGroup); err != nil {
			return err
		}
	}
	if err := p.giveIdentity(ctx, r, wanted); err != nil {
		return err
	}
	if err := p.admitRights(ctx, r, wanted); err != nil {
		return err
	}
	if err := p.admitPodIdentity(ctx, r, wanted); err != nil {
		return err
	}
	if err := r.Start(planReconcile, planArgs{IgnoreBudgets: ignoresBudgets(r)}); err != nil {
		return err
	}
	if upgrades, err := p.upgrades(r, wanted); err != nil || !upgrades {
		return err
	}
	r.Operation.State = upgrading
	return nil
}

// busy answers a write while a plan works on the cluster.
func busy(current *resource.Resource) *rest.Error {
	d, err := parseDocument(current.Properties)
	if err != nil {
		return operationNotAllowed(current.ProvisioningState)
	}
	pools := d.objects("agentPoolProfiles")
	if leaving, err := going(current, d); err == nil {
		pools = append(pools, leaving...)
	}
	var working []document
	for _, pool := range pools {
		switch pool.text("provisioningState") {
		case resource.Succeeded, resource.Failed, resource.Canceled:
		default:
			working = append(working, pool)
		}
	}
	if len(working) == 1 && len(pools) > 1 {
		return poolOperationNotAllowed(working[0].text("name"), working[0].text("provisioningState"))
	}
	return operationNotAllowed(current.ProvisioningState)
}

// upgrades reports whether an update gives the control plane another version of Kubernetes.
func (p *Provider) upgrades(r *providers.Request, wanted properties) (bool, error) {
	if r.Old == nil {
		return false, nil
	}
	before, err := resource.Read[properties](r.Old)
	return before.CurrentVersion != wanted.CurrentVersion, err
}

// ignoresBudgets reports whether the deletion of a pool is to take pods away whose disruption budgets forbid it.
func ignoresBudgets(r *providers.Request) bool {
	return strings.EqualFold(r.Query.Get("ignore-pod-disruption-budget"), "true")
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

// giveIdentity makes the system-assigned principal in the cluster's own transaction, looks the brought one up, or checks
// the service principal's credential. The principal that the control plane was until now is noted: its role goes when the
// new one has it.
func (p *Provider) giveIdentity(ctx context.Context, r *providers.Request, wanted properties) error {
	if err := p.admitPreviews(ctx, r, wanted); err != nil {
		return err
	}
	if none(r.Next.Identity) {
		if !wanted.servicePrincipal() {
			return nil // the plan makes one
		}
		s, err := readState(r.Next)
		if err != nil {
			return err
		}
		credential, err := p.openSecret(s)
		if err != nil {
			return invalidParameter("servicePrincipalProfile.secret", "a service principal needs its secret")
		}
		return p.admitServicePrincipal(ctx, r.ID, wanted.clientID(), credential)
	}
	if r.Old != nil && sameIdentity(r.Old.Identity, r.Next.Identity) && !p.madeAgain(ctx, r.Old.Identity) {
		return nil
	}
	if r.Next.Identity.HasSystemAssigned() {
		principal, conds, ops, err := managedidentity.MakePrincipal(ctx, p.Directory, r.ID, false)
		if err != nil {
			return err
		}
		r.Conds, r.Ops = append(r.Conds, conds...), append(r.Ops, ops...)
		r.Next.Identity.PrincipalID, r.Next.Identity.TenantID = principal.ObjectID, principal.TenantID
	}
	for key := range r.Next.Identity.UserAssigned {
		found, err := p.userAssigned(ctx, key)
		if err != nil {
			return err
		}
		r.Next.Identity.UserAssigned[key] = &resource.UserAssignedIdentity{ClientID: found.ClientID, PrincipalID: found.ObjectID}
	}
	if r.Old == nil {
		return nil
	}
	before, err := p.controlPlanePrincipal(ctx, r.Old)
	if err != nil {
		return err
	}
	s, err := readState(r.Next)
	if err != nil {
		return err
	}
	s.retire(before)
	return r.Next.SetInternal(s)
}

// madeAgain reports whether an identity of the same name, but with another principal, is where the control plane's was.
func (p *Provider) madeAgain(ctx context.Context, had *resource.Identity) bool {
	for key, is := range had.UserAssigned {
		found, err := p.userAssigned(ctx, key)
		if err == nil && !strings.EqualFold(found.ObjectID, is.PrincipalID) {
			return true
		}
	}
	return false
}

// admitPreviews wants the features registered that gated own identities once.
func (p *Provider) admitPreviews(ctx context.Context, r *providers.Request, wanted properties) error {
	if !p.Rules.Of2020 {
		return nil
	}
	if r.Old != nil && none(r.Old.Identity) && !none(r.Next.Identity) {
		enabled, err := p.Features.Enabled(ctx, r.ID.SubscriptionID(), featureMigrate)
		if err != nil {
			return err
		}
		if !enabled {
			return migrationNotEnabled()
		}
	}
	if r.Creating() && r.Next.Identity.HasUserAssigned() {
		if err := p.Features.Require(ctx, r.ID.SubscriptionID(), featureUserAssigned); err != nil {
			return err
		}
	}
	if _, brought := p.broughtKubelet(r.ID, wanted); brought && r.Creating() {
		return p.Features.Require(ctx, r.ID.SubscriptionID(), featureKubelet)
	}
	return nil
}

const identityNotFound = "GetUserAssignedIdentityResourceError"

// userAssigned looks up a user-assigned identity.
func (p *Provider) userAssigned(ctx context.Context, key string) (identity, error) {
	id, err := armid.Parse(key)
	if err != nil {
		return identity{}, invalidIdentityID(key)
	}
	found, err := p.Resources.Get(ctx, id)
	if rest.IsNotFound(err) {
		return identity{}, refused(identityNotFound, rest.AsError(err).Message, "")
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
func (p *Provider) controlPlanePrincipal(ctx context.Context, cluster *resource.Resource) (string, error) {
	if cluster.Identity.HasSystemAssigned() {
		return cluster.Identity.PrincipalID, nil
	}
	if !none(cluster.Identity) {
		for _, i := range cluster.Identity.UserAssigned {
			return i.PrincipalID, nil
		}
	}
	is, err := resource.Read[properties](cluster)
	if err != nil || !is.servicePrincipal() {
		return "", err
	}
	application, err := p.Directory.ByAppID(ctx, is.clientID())
	if errors.Is(err, directory.ErrNotFound) {
		return "", nil // somebody deleted it: it has no role any more
	}
	if err != nil {
		return "", fmt.Errorf("looking for the service principal: %w", err)
	}
	return application.ObjectID, nil
}

package managedidentity

import (
	"context"
	"fmt"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/directory"
	"github.com/lanyard-project/lanyard/internal/store"
)

// Directory has the principals of managed identities; *directory.Directory is
// one. The plans write nothing themselves: what has to be written goes into the
// transaction of the resource, so that neither is ever without the other.
type Directory interface {
	TenantOf(subscriptionID string) (directory.Tenant, bool)
	ManagedIdentityOf(ctx context.Context, id armid.ID) (directory.ServicePrincipal, error)
	PlanManagedIdentity(ctx context.Context, mi directory.ManagedIdentity) (directory.ServicePrincipal, []store.Cond, []store.Op, error)
	PlanDeleteManagedIdentity(ctx context.Context, id armid.ID) (directory.ServicePrincipal, []store.Cond, []store.Op, error)
	Federation
}

// Federation has the federated credentials of managed identities, where the token
// service looks for them.
type Federation interface {
	PlanFederated(ctx context.Context, ownerID string, next directory.FederatedCredential, create bool) (directory.FederatedCredential, []store.Cond, []store.Op, error)
	PlanRemoveFederated(ctx context.Context, ownerID, name string) ([]store.Cond, []store.Op, error)
}

// MakePrincipal plans the principal of a resource in its subscription's tenant.
// explicit is true for a user-assigned identity and false for a resource's own.
func MakePrincipal(ctx context.Context, d Directory, id armid.ID, explicit bool) (directory.ServicePrincipal, []store.Cond, []store.Op, error) {
	tenant, ok := d.TenantOf(id.Subscription())
	if !ok {
		return directory.ServicePrincipal{}, nil, nil, fmt.Errorf("making the principal of %s: its subscription has no tenant", id)
	}
	principal, conds, ops, err := d.PlanManagedIdentity(ctx, directory.ManagedIdentity{TenantID: tenant.ID, ResourceID: id, Explicit: explicit})
	if err != nil {
		return directory.ServicePrincipal{}, nil, nil, fmt.Errorf("making the principal of %s: %w", id, err)
	}
	return principal, conds, ops, nil
}

// DropPrincipal plans the removal of a resource's principal.
func DropPrincipal(ctx context.Context, d Directory, id armid.ID) ([]store.Cond, []store.Op, error) {
	_, conds, ops, err := d.PlanDeleteManagedIdentity(ctx, id)
	if err != nil {
		return nil, nil, fmt.Errorf("removing the principal of %s: %w", id, err)
	}
	return conds, ops, nil
}

package directory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/store"
)

// ManagedIdentity says for what a principal is made.
type ManagedIdentity struct {
	TenantID   string
	ResourceID armid.ID
	Explicit   bool   // a user-assigned identity; false for a resource's own
	Name       string // shown; the resource's name if empty
}

// PlanManagedIdentity prepares the principal of a managed identity without writing
// it, so that the caller can write it in one transaction with the resource. If
// there is one already, it is returned and there is nothing to write.
func (d *Directory) PlanManagedIdentity(ctx context.Context, mi ManagedIdentity) (ServicePrincipal, []store.Cond, []store.Op, error) {
	// From the store: memory may still hold one that was just deleted.
	existing, err := d.follow(ctx, resourceKey(mi.ResourceID))
	if err == nil {
		return existing.ServicePrincipal, []store.Cond{store.Exists(principalKey(existing.ObjectID))}, nil, nil
	}
	if !errors.Is(err, ErrNotFound) {
		return ServicePrincipal{}, nil, nil, fmt.Errorf("making a managed identity: %w", err)
	}
	name := mi.Name
	if name == "" {
		name = mi.ResourceID.Name()
	}
	objectID, appID, resourceID := uuid.NewString(), uuid.NewString(), claimID(mi.ResourceID)
	// Its certificate is made when it first signs (SignAssertion): most of what a new
	// identity costs would be that, and many are never asked for a token.
	made := record{ServicePrincipal: ServicePrincipal{
		ObjectID: objectID, AppID: appID, TenantID: mi.TenantID, DisplayName: name, Type: TypeManagedIdentity,
		AlternativeNames: alternativeNames(mi.Explicit, resourceID), Names: identityNames(appID, objectID),
		Created: d.now(), ResourceID: resourceID, Explicit: mi.Explicit,
	}}
	value, err := json.Marshal(made)
	if err != nil {
		return ServicePrincipal{}, nil, nil, fmt.Errorf("making a managed identity: %w", err)
	}
	return made.ServicePrincipal, []store.Cond{store.Absent(resourceKey(mi.ResourceID))}, []store.Op{
		store.Put(resourceKey(mi.ResourceID), []byte(objectID)),
		store.Put(appKey(appID), []byte(objectID)),
		store.Put(principalKey(objectID), value),
	}, nil
}

// EnsureManagedIdentity makes the principal unless there is one. It can be repeated.
func (d *Directory) EnsureManagedIdentity(ctx context.Context, mi ManagedIdentity) (ServicePrincipal, error) {
	for {
		principal, conds, ops, err := d.PlanManagedIdentity(ctx, mi)
		if err != nil || len(ops) == 0 {
			return principal, err
		}
		_, err = d.options.Store.Txn(ctx, conds, ops)
		if errors.Is(err, store.ErrConflict) {
			continue
		}
		if err != nil {
			return ServicePrincipal{}, fmt.Errorf("making a managed identity: %w", err)
		}
		return principal, nil
	}
}

// PlanDeleteManagedIdentity prepares the removal of a managed identity's principal.
// If there is none, there is nothing to write.
func (d *Directory) PlanDeleteManagedIdentity(ctx context.Context, id armid.ID) (ServicePrincipal, []store.Cond, []store.Op, error) {
	found, err := d.follow(ctx, resourceKey(id))
	if errors.Is(err, ErrNotFound) {
		return ServicePrincipal{}, nil, nil, nil
	}
	if err != nil {
		return ServicePrincipal{}, nil, nil, fmt.Errorf("deleting a managed identity: %w", err)
	}
	return found.ServicePrincipal, []store.Cond{store.Exists(principalKey(found.ObjectID))}, []store.Op{
		store.Delete(resourceKey(id)), store.Delete(appKey(found.AppID)), store.Delete(principalKey(found.ObjectID)),
		store.Delete(federatedKey(found.ObjectID)),
	}, nil
}

// DeleteManagedIdentity removes the principal if there is one. Tokens that it got
// before stay good until they expire, as Entra's do.
func (d *Directory) DeleteManagedIdentity(ctx context.Context, id armid.ID) error {
	for {
		_, conds, ops, err := d.PlanDeleteManagedIdentity(ctx, id)
		if err != nil || len(ops) == 0 {
			return err
		}
		_, err = d.options.Store.Txn(ctx, conds, ops)
		if errors.Is(err, store.ErrConflict) {
			continue
		}
		if err != nil {
			return fmt.Errorf("deleting a managed identity: %w", err)
		}
		return nil
	}
}

package ops

import (
	"context"
	"strings"
	"time"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/documents"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/store"
)

// CheckPlace fails unless the place of a resource exists and takes writes.
func (e *Engine) CheckPlace(ctx context.Context, id armid.ID) error {
	_, err := e.placeConds(ctx, id)
	return err
}

// placeConds checks that the place of a resource exists and isn't being deleted:
// subscription, resource group, parent. Its conditions keep that true until the
// transaction.
func (e *Engine) placeConds(ctx context.Context, id armid.ID) ([]store.Cond, error) {
	var conds []store.Cond
	if id.Is(armid.SubscriptionType) {
		return nil, nil
	}
	for scope := range id.Parent().Scopes() {
		switch {
		case scope.IsRoot(), scope.Is(armid.ProviderType), scope.Is(armid.LocationType):
			continue
		case !e.isStored(scope):
			continue
		}
		at, err := e.documents.Look(ctx, scope)
		if err != nil {
			return nil, err
		}
		if at == nil {
			return nil, notFound(scope, id)
		}
		if at.ProvisioningState != resource.Deleting {
			if scope.Is(armid.ResourceGroupType) {
				conds = append(conds, store.Unchanged(documents.Key(scope), at.Revision))
			} else {
				conds = append(conds, store.Exists(documents.Key(scope)))
			}
			continue
		}
		if scope.Is(armid.ResourceGroupType) {
			return nil, rest.ResourceGroupBeingDeleted(scope.Name())
		}
		return nil, rest.AnotherOperationInProgress(scope.String(), "")
	}
	return conds, nil
}

// isStored reports whether resources of the scope's type are documents in the
// store; some are computed and have no key to wait for.
func (e *Engine) isStored(scope armid.ID) bool {
	t := e.registry.Find(scope.Type())
	return t == nil || t.Get == nil
}

// notFound is the error for a missing scope above a resource.
func notFound(scope, wanted armid.ID) *rest.Error {
	switch {
	case scope.Is(armid.SubscriptionType):
		return rest.SubscriptionNotFound(scope.Name())
	case scope.Is(armid.ResourceGroupType):
		return rest.ResourceGroupNotFound(scope.Name())
	}
	return rest.ParentResourceNotFound(Path(scope))
}

// Path is how errors name a resource: its type and names without its scope.
func Path(id armid.ID) string {
	text := id.String()
	if i := strings.LastIndex(text, "/providers/"); i >= 0 {
		return text[i+len("/providers/"):]
	}
	return id.Type() + "/" + id.Name()
}

// NotFound is the error for a resource that doesn't exist.
func NotFound(id armid.ID) *rest.Error {
	switch {
	case id.Is(armid.SubscriptionType):
		return rest.SubscriptionNotFound(id.Name())
	case id.Is(armid.ResourceGroupType):
		return rest.ResourceGroupNotFound(id.Name())
	}
	return rest.ResourceNotFound(Path(id), id.ResourceGroup())
}

// stamp writes who made the change.
func stamp(r *resource.Resource, by providers.Caller, created bool, now time.Time) {
	who, now := by.Client(), now.UTC()
	if created {
		r.SystemData = resource.SystemData{CreatedBy: who, CreatedByType: by.Type, CreatedAt: now}
	}
	r.SystemData.LastModifiedBy, r.SystemData.LastModifiedByType, r.SystemData.LastModifiedAt = who, by.Type, now
}

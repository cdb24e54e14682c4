package providers

import (
	"context"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/store"
)

// Resources is how providers and plans use other resources, and what they make
// of their own accord. Nobody's rights are checked: a provider that acts for a
// caller names the scope with Request.Link. Every write is recorded.
type Resources interface {
	// Get reads a stored resource, or fails with a 404 *rest.Error.
	Get(ctx context.Context, id armid.ID) (*resource.Resource, error)
	// List reads all resources of the full type at or below the scope; an empty
	// type means all types. The order is that of the keys.
	List(ctx context.Context, scope armid.ID, fullType string) ([]*resource.Resource, error)
	// Update reads the resource, lets change alter it and writes it, again and again
	// until nobody wrote in between; change must do nothing else. It fails with a 404 *rest.Error when the
	// resource is gone; an error of change is returned as it is.
	Update(ctx context.Context, id armid.ID, change func(*resource.Resource) error) (*resource.Resource, error)
	// Create writes a resource that doesn't exist yet and returns it as stored, or
	// the existing one unchanged: steps can repeat it. Its provisioning state is
	// Succeeded unless set. ops and conds go into the same transaction.
	Create(ctx context.Context, by Caller, next *resource.Resource, ops []store.Op, conds ...store.Cond) (*resource.Resource, error)
	// Delete runs the type's Remove. It reports done when the resource is gone, and
	// false while a plan is deleting it: ask again. An absent resource is done.
	Delete(ctx context.Context, by Caller, id armid.ID) (done bool, err error)
}

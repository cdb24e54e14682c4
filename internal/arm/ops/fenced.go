package ops

import (
	"context"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/store"
)

// fenced is what steps get as Resources: its writes fail once the operation was
// cancelled or another process took it over, so that a step that is late to
// notice does no harm.
type fenced struct{ *run }

var _ providers.Resources = fenced{}

func (f fenced) Get(ctx context.Context, id armid.ID) (*resource.Resource, error) {
	return f.engine.Get(ctx, id)
}

func (f fenced) List(ctx context.Context, scope armid.ID, fullType string) ([]*resource.Resource, error) {
	return f.engine.List(ctx, scope, fullType)
}

func (f fenced) Update(ctx context.Context, id armid.ID, change func(*resource.Resource) error) (*resource.Resource, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r, err := f.engine.update(ctx, id, change, f.fence())
	return r, f.fenceError(err)
}

func (f fenced) Create(ctx context.Context, by providers.Caller, next *resource.Resource, writes []store.Op, conds ...store.Cond) (*resource.Resource, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r, err := f.engine.create(ctx, by, next, writes, conds, f.fence())
	return r, f.callerOr(ctx, err)
}

func (f fenced) Delete(ctx context.Context, by providers.Caller, id armid.ID) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	done, err := f.engine.delete(ctx, by, id, f.fence())
	return done, f.fenceError(err)
}

// callerOr tells a lost fence from the step's own conditions that don't hold.
func (f fenced) callerOr(ctx context.Context, err error) error {
	if err != nil && f.engine.hold(ctx, f.fence()) != nil {
		return f.fenceError(err)
	}
	return err
}

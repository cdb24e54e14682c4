package network

import (
	"context"
	"time"

	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/providers/shape"
)

// Ensure makes a resource of the namespace in the name of a service, unless it is there. See shape.Ensure.
func (p *Provider) Ensure(ctx context.Context, by providers.Caller, next *resource.Resource) (*resource.Resource, error) {
	return shape.Ensure(ctx, p.cfg.Resources, p.Types(), &providers.Request{Caller: by, ID: next.ID, Next: next, Now: p.now()})
}

func (p *Provider) now() time.Time {
	if p.cfg.Clock == nil {
		return time.Now()
	}
	return p.cfg.Clock.Now()
}

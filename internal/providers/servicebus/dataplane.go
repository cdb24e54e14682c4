package servicebus

import (
	"context"
	"fmt"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
)

// Namespace finds the namespace of a name, for the service that holds its
// messages; nil when there is none.
func (p *Provider) Namespace(ctx context.Context, name string) (*resource.Resource, error) {
	holder, err := p.cfg.Deps.Holder(ctx, "servicebus", name)
	if err != nil || holder == "" {
		return nil, err
	}
	id, err := armid.Parse(holder)
	if err != nil {
		return nil, fmt.Errorf("finding namespace %s: %w", name, err)
	}
	found, err := p.cfg.Deps.Resources.Get(ctx, id)
	if rest.IsNotFound(err) {
		return nil, nil
	}
	return found, err
}

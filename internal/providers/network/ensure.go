package network

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
)

// Ensure makes a resource of the namespace in the name of a service, checked and completed as if a client had sent it,
// unless it is there. The service answers for the references in it: nobody's rights on them are asked for.
func (p *Provider) Ensure(ctx context.Context, by providers.Caller, next *resource.Resource) (*resource.Resource, error) {
	made, err := p.cfg.Resources.Get(ctx, next.ID)
	if err == nil || !rest.IsNotFound(err) {
		return made, err
	}
	r := &providers.Request{Caller: by, Method: providers.Put, ID: next.ID, Next: next.Clone(), Now: p.now()}
	for _, t := range p.Types() {
		if strings.EqualFold(t.Namespace+"/"+t.Name, next.ID.Type()) {
			r.Type = t
		}
	}
	if r.Type == nil {
		return nil, fmt.Errorf("making %s: it isn't of %s", next.ID, namespace)
	}
	for _, hook := range []func(context.Context, *providers.Request) error{r.Type.Prepare, r.Type.Admit} {
		if hook == nil {
			continue
		}
		if err := hook(ctx, r); err != nil {
			return nil, fmt.Errorf("making %s: %w", next.ID, err)
		}
	}
	return p.cfg.Resources.Create(ctx, by, r.Next, r.Ops, r.Conds...)
}

func (p *Provider) now() time.Time {
	if p.cfg.Clock == nil {
		return time.Now()
	}
	return p.cfg.Clock.Now()
}

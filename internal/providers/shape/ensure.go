package shape

import (
	"context"
	"fmt"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
)

// Ensure makes a resource of one of the types in the name of a service, checked and completed as if a client had sent it,
// unless it is there. The service answers for the references in it: nobody's rights on them are asked for.
func Ensure(ctx context.Context, resources providers.Resources, types []*providers.Type, r *providers.Request) (*resource.Resource, error) {
	made, err := resources.Get(ctx, r.ID)
	if err == nil || !rest.IsNotFound(err) {
		return made, err
	}
	put := *r
	put.Method, put.Next = providers.Put, r.Next.Clone()
	for _, t := range types {
		if strings.EqualFold(t.Namespace+"/"+t.Name, r.ID.Type()) {
			put.Type = t
		}
	}
	if put.Type == nil {
		return nil, fmt.Errorf("making %s: its provider has no such type", r.ID)
	}
	for _, hook := range []func(context.Context, *providers.Request) error{put.Type.Prepare, put.Type.Admit} {
		if hook == nil {
			continue
		}
		if err := hook(ctx, &put); err != nil {
			return nil, fmt.Errorf("making %s: %w", r.ID, err)
		}
	}
	return resources.Create(ctx, put.Caller, put.Next, put.Ops, put.Conds...)
}

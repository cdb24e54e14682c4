package authorization

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/providers"
)

// permissions lists what the caller may do at a scope: the blocks of its roles,
// without envelope.
func (p *Provider) permissions() *providers.Type {
	return &providers.Type{
		Namespace:   namespace,
		Name:        "permissions",
		APIVersions: []string{"2015-07-01", "2018-01-01-preview", "2018-07-01", "2022-04-01", "2022-05-01-preview"},
		Levels:      providers.AtAnyScope,
		Verbs:       providers.CanList,
		List:        p.listPermissions,
		Document: func(_ context.Context, r *resource.Resource, _ string) (json.RawMessage, error) {
			return r.Properties, nil
		},
	}
}

func (p *Provider) listPermissions(_ context.Context, r *providers.Request) ([]*resource.Resource, error) {
	var out []*resource.Resource
	for i, permission := range p.index.Permissions(p.principals(nil, r.Caller), r.Scope) {
		raw, err := json.Marshal(permission)
		if err != nil {
			return nil, fmt.Errorf("writing permissions: %w", err)
		}
		out = append(out, &resource.Resource{ID: r.Scope.Extension(namespace, "permissions", strconv.Itoa(i)), Properties: raw})
	}
	return out, nil
}

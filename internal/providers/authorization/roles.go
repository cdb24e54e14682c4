package authorization

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/rbac"
)

func (p *Provider) roleDefinitions() *providers.Type {
	return &providers.Type{
		Namespace:   namespace,
		Name:        "roleDefinitions",
		APIVersions: []string{"2015-07-01", "2018-01-01-preview", "2018-07-01", "2022-04-01", "2022-05-01-preview"},
		Levels:      providers.AtAnyScope,
		Verbs:       providers.ReadOnly,
		HideState:   true,
		HideSystem:  true,
		Get:         p.getRole,
		List:        p.listRoles,
	}
}

func (p *Provider) getRole(_ context.Context, r *providers.Request) (*resource.Resource, error) {
	def, ok := p.index.Role(r.ID.Name())
	if !ok {
		return nil, roleDoesNotExist(http.StatusNotFound, r.ID.Name())
	}
	return roleResource(r.ID.Parent(), *def)
}

// listRoles lists the same definitions at every scope: the built-in roles can be
// assigned anywhere.
func (p *Provider) listRoles(_ context.Context, r *providers.Request) ([]*resource.Resource, error) {
	f, err := parseFilter(r.Query.Get("$filter"), "roleName", "type", "atScopeAndBelow", "atScope")
	if err != nil {
		return nil, err
	}
	var out []*resource.Resource
	for _, def := range p.roles {
		if name, ok := f["roleName"]; ok && !strings.EqualFold(name, def.RoleName) {
			continue
		}
		if kind, ok := f["type"]; ok && !strings.EqualFold(kind, string(def.Type)) {
			continue
		}
		role, err := roleResource(r.Scope, def)
		if err != nil {
			return nil, err
		}
		out = append(out, role)
	}
	return out, nil
}

// roleProperties are a role definition's as clients see them. When a built-in
// role was made isn't in our data.
type roleProperties struct {
	RoleName         string            `json:"roleName"`
	Type             rbac.RoleType     `json:"type"`
	Description      string            `json:"description"`
	AssignableScopes []string          `json:"assignableScopes"`
	Permissions      []rbac.Permission `json:"permissions"`
	CreatedOn        *string           `json:"createdOn"`
	UpdatedOn        *string           `json:"updatedOn"`
	CreatedBy        *string           `json:"createdBy"`
	UpdatedBy        *string           `json:"updatedBy"`
}

func roleResource(scope armid.ID, def rbac.RoleDefinition) (*resource.Resource, error) {
	raw, err := json.Marshal(roleProperties{
		RoleName: def.RoleName, Type: def.Type, Description: def.Description, AssignableScopes: def.AssignableScopes, Permissions: def.Permissions,
	})
	if err != nil {
		return nil, fmt.Errorf("writing role definition %s: %w", def.RoleName, err)
	}
	return &resource.Resource{ID: roleID(scope, def.Name), Properties: raw}, nil
}

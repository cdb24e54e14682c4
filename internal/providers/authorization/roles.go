package authorization

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/rbac"
)

func (p *Provider) roleDefinitions() *providers.Type {
	return &providers.Type{
		Namespace:   namespace,
		Name:        "roleDefinitions",
		APIVersions: []string{"2015-07-01", "2018-01-01-preview", "2018-07-01", "2022-04-01", "2022-05-01-preview"},
		Levels:      providers.AtAnyScope,
		Verbs:       providers.CanGet | providers.CanList | providers.CanPut | providers.CanDelete,
		HideState:   true,
		HideSystem:  true,
		ShowDeleted: true,
		Get:         p.getRole,
		List:        p.listRoles,
		NotFound:    func(id armid.ID) *rest.Error { return roleDoesNotExist(404, id.Name()) },
		Prepare:     p.prepareRole,
		Admit:       p.admitRole,
		Remove:      p.removeRole,
		Render:      renderRole,
	}
}

// getRole reads a definition. They are one set for the whole tenant, whatever the
// scope of the request.
func (p *Provider) getRole(_ context.Context, r *providers.Request) (*resource.Resource, error) {
	if stored := p.customRole(r.ID.Name()); stored != nil {
		return stored, nil
	}
	def, ok := p.index.Role(r.ID.Name())
	if !ok {
		return nil, rest.ResourceNotFound(r.ID.Type()+"/"+r.ID.Name(), "")
	}
	return roleResource(r.ID.Parent(), *def)
}

// listRoles lists what can be assigned at the scope: the built-in roles, and the
// custom ones that are assignable there; with atScopeAndBelow() also those that
// are assignable somewhere below.
func (p *Provider) listRoles(_ context.Context, r *providers.Request) ([]*resource.Resource, error) {
	f, err := parseFilter(r.Query.Get("$filter"), "roleName", "type", "atScopeAndBelow", "atScope")
	if err != nil {
		return nil, err
	}
	shows := func(name string, kind rbac.RoleType) bool {
		wanted, named := f["roleName"]
		of, typed := f["type"]
		return (!named || strings.EqualFold(wanted, name)) && (!typed || strings.EqualFold(of, string(kind)))
	}
	var out []*resource.Resource
	for _, def := range p.roles {
		if !shows(def.RoleName, def.Type) {
			continue
		}
		role, err := roleResource(r.Scope, def)
		if err != nil {
			return nil, err
		}
		out = append(out, role)
	}
	for _, stored := range p.customRoles() {
		props, err := resource.Read[roleProperties](stored)
		if err != nil {
			return nil, err
		}
		if shows(props.RoleName, props.Type) && assignableAt(props.AssignableScopes, r.Scope, f.has("atScopeAndBelow")) {
			shown := stored.Clone()
			shown.ID = roleID(r.Scope, stored.ID.Name())
			out = append(out, shown)
		}
	}
	return out, nil
}

func assignableAt(scopes []string, at armid.ID, below bool) bool {
	return slices.ContainsFunc(scopes, func(text string) bool {
		scope, err := armid.Parse(text)
		return err == nil && (at.Under(scope) || below && scope.Under(at))
	})
}

// customRole returns the stored definition of a GUID, or nil.
func (p *Provider) customRole(guid string) *resource.Resource {
	p.mu.RLock()
	defer p.mu.RUnlock()
	for _, r := range p.custom {
		if strings.EqualFold(r.ID.Name(), guid) {
			return r
		}
	}
	return nil
}

// customRoles returns the stored definitions in the order of their keys.
func (p *Provider) customRoles() []*resource.Resource {
	p.mu.RLock()
	defer p.mu.RUnlock()
	out := make([]*resource.Resource, 0, len(p.custom))
	for _, key := range slices.Sorted(maps.Keys(p.custom)) {
		out = append(out, p.custom[key])
	}
	return out
}

func (p *Provider) learnRole(key string, r *resource.Resource) error {
	props, err := resource.Read[roleProperties](r)
	if err != nil {
		return err
	}
	p.index.SetRole(rbac.RoleDefinition{
		Name: r.ID.Name(), RoleName: props.RoleName, Description: props.Description, Type: rbac.CustomRole,
		AssignableScopes: props.AssignableScopes, Permissions: props.Permissions,
	})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.custom[key] = r
	return nil
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

// renderRole shows the one ID that assignments name the role by.
func renderRole(_ context.Context, r *resource.Resource, _ string) error {
	r.ID = roleID(r.ID.Parent(), r.ID.Name())
	return nil
}

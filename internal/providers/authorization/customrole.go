package authorization

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/rbac"
	"github.com/lanyard-project/lanyard/internal/rbac/condition"
	"github.com/lanyard-project/lanyard/internal/store"
)

// Azure's limits of custom roles.
const (
	maxCustomRoles  = 5000
	maxRoleName     = 128
	maxRoleDescribe = 1024
)

// operationPattern is what an action of a role definition looks like.
var operationPattern = regexp.MustCompile(`^(\*|[\w.*-]+(/[\w.*$-]+)+)$`)

// prepareRole checks a definition and names the scopes on which its writer must
// be allowed to define roles: all those at which it is or becomes assignable.
func (p *Provider) prepareRole(_ context.Context, r *providers.Request) error {
	name := r.Next.ID.Name()
	if !guid(name) {
		return roleInvalid("InvalidRoleDefinitionId", fmt.Sprintf("The role definition ID '%s' is not valid. The role definition ID must be a GUID.", name))
	}
	if def, ok := p.index.Role(name); ok && def.Type == rbac.BuiltInRole {
		return roleInvalid("RoleDefinitionUpdateNotPermitted", fmt.Sprintf("'%s' is a built-in role, which can't be changed. Define a custom role instead.", def.RoleName))
	}
	props, err := readRole(r.Next)
	if err != nil {
		return err
	}
	scopes := props.AssignableScopes
	if r.Old != nil {
		before, err := resource.Read[roleProperties](r.Old)
		if err != nil {
			return err
		}
		scopes = append(slices.Clone(scopes), before.AssignableScopes...)
	}
	for _, text := range scopes {
		at, err := armid.Parse(text)
		if err != nil {
			return badScope(text)
		}
		r.Link(namespace+"/roleDefinitions/write", at)
	}
	r.Next.ID = roleID(r.Next.ID.Parent(), name)
	if r.Old != nil {
		r.Next.ID = r.Old.ID
	}
	return completeRole(r, props)
}

// readRole reads and checks what a client says about a role.
func readRole(r *resource.Resource) (roleProperties, error) {
	props, err := resource.Read[roleProperties](r)
	switch {
	case err != nil:
		return props, badRequestFormat()
	case props.Type != "" && !strings.EqualFold(string(props.Type), string(rbac.CustomRole)):
		return props, roleInvalid("RoleDefinitionTypeNotSupported", fmt.Sprintf("The role type '%s' is not supported: it must be 'CustomRole'.", props.Type))
	case strings.TrimSpace(props.RoleName) == "" || utf8.RuneCountInString(props.RoleName) > maxRoleName:
		return props, roleInvalid("RoleDefinitionNameInvalid", fmt.Sprintf("The role name must have 1 to %d characters.", maxRoleName))
	case utf8.RuneCountInString(props.Description) > maxRoleDescribe:
		return props, roleInvalid("RoleDefinitionDescriptionTooLong", fmt.Sprintf("The role description can't have more than %d characters.", maxRoleDescribe))
	case len(props.AssignableScopes) == 0:
		return props, roleInvalid("MissingAssignableScopes", "The role definition must have at least one assignable scope.")
	case len(props.Permissions) == 0:
		return props, roleInvalid("MissingPermissions", "The role definition must have at least one permission.")
	}
	for _, text := range props.AssignableScopes {
		at, err := armid.Parse(text)
		if err != nil || !at.Is(armid.SubscriptionType) && !at.Is(armid.ResourceGroupType) {
			return props, badScope(text)
		}
	}
	for _, permission := range props.Permissions {
		if err := checkPermission(permission); err != nil {
			return props, err
		}
	}
	return props, nil
}

func checkPermission(p rbac.Permission) error {
	for _, action := range slices.Concat(p.Actions, p.NotActions, p.DataActions, p.NotDataActions) {
		if !operationPattern.MatchString(action) {
			return roleInvalid("InvalidActionOrNotAction", fmt.Sprintf("'%s' does not match any of the actions supported by the providers.", action))
		}
	}
	if text(p.Condition) == "" {
		return nil
	}
	if _, err := condition.Parse(*p.Condition); err != nil {
		return invalidCondition(err)
	}
	return nil
}

// completeRole writes the properties as they are stored and shown.
func completeRole(r *providers.Request, props roleProperties) error {
	now, by := r.Now.UTC().Format(time.RFC3339Nano), r.Caller.ObjectID
	props.Type, props.CreatedOn, props.CreatedBy, props.UpdatedOn, props.UpdatedBy = rbac.CustomRole, &now, &by, &now, &by
	if r.Old != nil {
		before, err := resource.Read[roleProperties](r.Old)
		if err != nil {
			return err
		}
		props.CreatedOn, props.CreatedBy = before.CreatedOn, before.CreatedBy
	}
	for i := range props.Permissions {
		p := &props.Permissions[i]
		for _, list := range []*[]string{&p.Actions, &p.NotActions, &p.DataActions, &p.NotDataActions} {
			if *list == nil {
				*list = []string{}
			}
		}
	}
	raw, err := json.Marshal(props)
	if err != nil {
		return fmt.Errorf("writing a role definition: %w", err)
	}
	r.Next.Properties = raw
	return nil
}

func (p *Provider) admitRole(ctx context.Context, r *providers.Request) error {
	props, err := resource.Read[roleProperties](r.Next)
	if err != nil {
		return err
	}
	if r.Old == nil && len(p.customRoles()) >= maxCustomRoles {
		return roleInvalid("RoleDefinitionLimitExceeded", fmt.Sprintf("The limit of %d custom role definitions has been reached.", maxCustomRoles))
	}
	for _, def := range p.roles {
		if strings.EqualFold(def.RoleName, props.RoleName) {
			return sameName(props.RoleName)
		}
	}
	if r.Old != nil {
		before, err := resource.Read[roleProperties](r.Old)
		if err != nil {
			return err
		}
		if strings.EqualFold(before.RoleName, props.RoleName) {
			return nil
		}
		r.Ops = append(r.Ops, store.Delete(roleNameKey(before.RoleName)))
	}
	return p.claimName(ctx, r, props.RoleName)
}

func roleNameKey(name string) string {
	return "/lanyard/authorization/rolenames/" + strings.ToLower(name)
}

// claimName makes the name this role's in the same transaction. A claim whose role
// is gone is taken over.
func (p *Provider) claimName(ctx context.Context, r *providers.Request, name string) error {
	key := roleNameKey(name)
	item, err := p.cfg.Store.Get(ctx, key)
	switch {
	case errors.Is(err, store.ErrNotFound):
		r.Conds = append(r.Conds, store.Absent(key))
	case err != nil:
		return fmt.Errorf("reading who holds the name of a role: %w", err)
	default:
		_, err := p.cfg.Store.Get(ctx, string(item.Value))
		if err == nil {
			return sameName(name)
		}
		if !errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("reading who holds the name of a role: %w", err)
		}
		r.Conds = append(r.Conds, store.Unchanged(key, item.Revision))
	}
	r.Ops = append(r.Ops, store.Put(key, []byte(resource.StoreKey(r.Next.ID))))
	return nil
}

// removeRole refuses to take a role away from under its assignments, and from who
// may not delete it wherever it is assignable: a path may name it at any scope.
func (p *Provider) removeRole(_ context.Context, r *providers.Request) error {
	props, err := resource.Read[roleProperties](r.Old)
	if err != nil {
		return err
	}
	if props.Type == rbac.BuiltInRole {
		return roleInvalid("RoleDefinitionDeleteNotPermitted", fmt.Sprintf("'%s' is a built-in role, which can't be deleted.", props.RoleName))
	}
	const action = namespace + "/roleDefinitions/delete"
	for _, text := range props.AssignableScopes {
		at, err := armid.Parse(text)
		if err != nil {
			return badScope(text)
		}
		if !p.Decide(r.Caller, action, at, false).Allowed {
			return rest.AuthorizationFailed(r.Caller.Client(), r.Caller.ObjectID, action, at.String())
		}
	}
	if p.index.Assigned(r.Old.ID.Name()) {
		return roleInvalid("RoleDefinitionHasAssignments", "There are existing role assignments referencing role (code: RoleDefinitionHasAssignments)")
	}
	r.Ops = append(r.Ops, store.Delete(roleNameKey(props.RoleName)))
	return nil
}

func roleInvalid(code, message string) *rest.Error {
	return rest.NewError(http.StatusBadRequest, code, message)
}

func sameName(name string) *rest.Error {
	return rest.NewError(http.StatusConflict, "RoleDefinitionWithSameNameExists",
		fmt.Sprintf("A role with the name '%s' already exists in this directory. Use a different name.", name))
}

func badScope(scope string) *rest.Error {
	return roleInvalid("LinkedInvalidPropertyId", fmt.Sprintf(
		"Property id '%s' at path 'properties.assignableScopes' is invalid. Expect a subscription or a resource group.", scope))
}

package groups

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"github.com/lanyard-project/lanyard/internal/cli/azure"
	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/value"
)

func createAssignment(ctx context.Context, c *command.Call) (any, error) {
	assignee, object, kind := c.Get("assignee"), c.Get("assignee-object-id"), c.Get("assignee-principal-type")
	if (assignee == "") == (object == "") {
		return nil, command.Usage("usage error: --assignee STRING | --assignee-object-id GUID")
	}
	if kind != "" && object == "" {
		return nil, command.Usage("usage error: --assignee-object-id GUID --assignee-principal-type TYPE")
	}
	condition, version := c.Get("condition"), c.Get("condition-version")
	if condition != "" && version == "" {
		version = "2.0"
	}
	if version != "" && condition == "" {
		return nil, command.Usage("usage error: When --condition-version is set, --condition must be set as well.")
	}
	client, scope, err := clientAndScope(c)
	if err != nil {
		return nil, err
	}
	p := azure.Principal{ID: object, Type: kind}
	if assignee != "" {
		if p, err = resolve(ctx, c, client, assignee); err != nil {
			return nil, err
		}
	} else if kind == "" {
		c.Warn("RBAC service might reject creating role assignment without --assignee-principal-type in the future. Better to specify --assignee-principal-type manually.")
		if found, err := client.Principals(ctx, []string{object}); err == nil {
			p.Type = found[object].Type
		}
	}
	role, err := roleID(ctx, client, scope, c.Get("role"))
	if err != nil {
		return nil, err
	}
	properties := value.NewObject("roleDefinitionId", role, "principalId", p.ID)
	for key, v := range map[string]string{"principalType": p.Type, "description": c.Get("description"), "condition": condition, "conditionVersion": version} {
		if v != "" {
			properties.Set(key, v)
		}
	}
	name := c.Get("name")
	if name == "" {
		name = uuid.NewString()
	}
	answer, err := client.Do(ctx, http.MethodPut, scope+"/"+assignments+"/"+name, assignmentsVersion, value.NewObject("properties", properties))
	if azure.Code(err) == "RoleAssignmentExists" {
		// Granting twice is fine: az shows what is there.
		existing, err := searchAssignments(ctx, client, search{scope: scope, principal: p.ID, role: role})
		if err != nil || len(existing) == 0 {
			return nil, err
		}
		named, err := withNames(ctx, client, scope, existing)
		if err != nil {
			return nil, err
		}
		return named[0], nil
	}
	if err != nil {
		return nil, err
	}
	return assignmentKind().shaped(answer.Document), nil
}

// resolve finds the principal that somebody typed: a user name, an application's or
// identity's client ID, or an object ID.
func resolve(ctx context.Context, c *command.Call, client *azure.Client, name string) (azure.Principal, error) {
	p, err := lookUp(ctx, client, name)
	var refused *azure.Error
	if errors.As(err, &refused) {
		c.Warn("Failed to query %s by invoking Graph API. If you don't have permission to query Graph API, please specify --assignee-object-id and --assignee-principal-type.", name)
		if _, bad := uuid.Parse(name); bad == nil {
			c.Warn("Assuming %s as an object ID.", name)
			return azure.Principal{ID: name}, nil
		}
	}
	return p, err
}

func lookUp(ctx context.Context, client *azure.Client, name string) (azure.Principal, error) {
	if strings.Contains(name, "@") {
		users, err := client.GraphList(ctx, "/users", "userPrincipalName eq '"+name+"'")
		if err != nil {
			return azure.Principal{}, err
		}
		if len(users) > 0 {
			return azure.Principal{ID: users[0].(*value.Object).String("id"), Type: "User"}, nil
		}
	}
	found, err := client.GraphList(ctx, "/servicePrincipals", "servicePrincipalNames/any(c:c eq '"+name+"')")
	if err != nil {
		return azure.Principal{}, err
	}
	if len(found) > 0 {
		return azure.Principal{ID: found[0].(*value.Object).String("id"), Type: "ServicePrincipal"}, nil
	}
	if _, bad := uuid.Parse(name); bad == nil {
		objects, err := client.Principals(ctx, []string{name})
		if err != nil {
			return azure.Principal{}, err
		}
		if p, ok := objects[name]; ok {
			return p, nil
		}
	}
	return azure.Principal{}, command.Usage("Cannot find user or service principal in graph database for '%s'. If the assignee is an appId, make sure the corresponding service principal is created with 'az ad sp create --id %s'.", name, name)
}

// search says which assignments are wanted. An empty scope is the whole subscription.
type search struct {
	scope, principal, role string
	inherited, groups      bool
}

func searchAssignments(ctx context.Context, client *azure.Client, s search) ([]any, error) {
	path, filter := client.Scope(assignments), ""
	switch {
	case s.scope != "":
		path, filter = s.scope+"/"+assignments, "atScope()"
		if s.principal != "" && s.groups {
			filter += " and assignedTo('" + s.principal + "')"
		}
	case s.principal != "" && s.groups:
		filter = "assignedTo('" + s.principal + "')"
	case s.principal != "":
		filter = "principalId eq '" + s.principal + "'"
	}
	var query []string
	if filter != "" {
		query = []string{"$filter", filter}
	}
	all, err := client.List(ctx, path, assignmentsVersion, query...)
	if err != nil {
		return nil, err
	}
	found := []any{}
	for _, v := range all {
		o, _ := v.(*value.Object)
		at := o.String("properties", "scope")
		here := s.scope == "" || strings.EqualFold(at, s.scope) || s.inherited && strings.HasPrefix(strings.ToLower(s.scope), strings.ToLower(at))
		if here && (s.role == "" || o.String("properties", "roleDefinitionId") == s.role) &&
			(s.principal == "" || s.groups || o.String("properties", "principalId") == s.principal) {
			found = append(found, o)
		}
	}
	return found, nil
}

// wanted reads the search of a command line.
func wanted(ctx context.Context, c *command.Call) (*azure.Client, search, error) {
	if c.On("all") && (c.Get("scope") != "" || c.Get("resource-group") != "") {
		return nil, search{}, command.Usage("group or scope are not required when --all is used")
	}
	client, scope, err := clientAndScope(c)
	if err != nil {
		return nil, search{}, err
	}
	s := search{scope: scope, inherited: c.On("include-inherited"), groups: c.On("include-groups")}
	if c.On("all") {
		s.scope = ""
	}
	if assignee := c.Get("assignee"); assignee != "" {
		p, err := resolve(ctx, c, client, assignee)
		if err != nil {
			return nil, s, err
		}
		s.principal = p.ID
	}
	if role := c.Get("role"); role != "" {
		if s.role, err = roleID(ctx, client, scope, role); err != nil {
			return nil, s, err
		}
	}
	return client, s, nil
}

func listAssignments(ctx context.Context, c *command.Call) (any, error) {
	client, s, err := wanted(ctx, c)
	if err != nil {
		return nil, err
	}
	found, err := searchAssignments(ctx, client, s)
	if err != nil || len(found) == 0 {
		return []any{}, err
	}
	scope := s.scope
	if scope == "" {
		scope = client.Scope()
	}
	return withNames(ctx, client, scope, found)
}

// withNames adds the names of roles and principals to assignments.
func withNames(ctx context.Context, client *azure.Client, scope string, found []any) ([]any, error) {
	roles, err := client.List(ctx, scope+"/"+definitions, definitionsVersion)
	if err != nil {
		return nil, err
	}
	roleNames := map[string]any{}
	for _, v := range roles {
		o, _ := v.(*value.Object)
		roleNames[o.String("id")] = o.String("properties", "roleName")
	}
	shaped := assignmentKind().shaped(found).([]any)
	var ids []string
	for _, v := range shaped {
		ids = append(ids, v.(*value.Object).String("principalId"))
	}
	principals, err := client.Principals(ctx, ids)
	for _, v := range shaped {
		o := v.(*value.Object)
		o.Set("roleDefinitionName", roleNames[o.String("roleDefinitionId")])
		if err == nil { // without the right to ask the directory there are no names
			o.Set("principalName", principals[o.String("principalId")].Name)
		}
	}
	return shaped, nil
}

func deleteAssignments(ctx context.Context, c *command.Call) (any, error) {
	if ids := c.List("ids"); len(ids) > 0 {
		client, err := c.Client()
		if err != nil {
			return nil, err
		}
		for _, key := range []string{"assignee", "role", "resource-group", "scope", "include-inherited"} {
			if c.Given(key) {
				c.Warn("option '--%s' will be ignored due to use of '--ids'.", key)
			}
		}
		for _, id := range ids {
			if _, err := client.Do(ctx, http.MethodDelete, id, assignmentsVersion, nil); err != nil {
				return nil, err
			}
		}
		return nil, nil
	}
	if c.Get("assignee") == "" && c.Get("role") == "" && c.Get("resource-group") == "" && c.Get("scope") == "" {
		if err := c.Confirm("This will delete all role assignments under the subscription. Are you sure?"); err != nil {
			return nil, err
		}
	}
	client, s, err := wanted(ctx, c)
	if err != nil {
		return nil, err
	}
	found, err := searchAssignments(ctx, client, s)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, command.Usage("No matched assignments were found to delete")
	}
	for _, v := range found {
		if _, err := client.Do(ctx, http.MethodDelete, v.(*value.Object).String("id"), assignmentsVersion, nil); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

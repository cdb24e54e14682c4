package groups

import (
	"context"
	"net/http"
	"os"
	"strings"

	"github.com/google/uuid"

	"github.com/lanyard-project/lanyard/internal/cli/azure"
	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/value"
)

const (
	assignments        = "providers/Microsoft.Authorization/roleAssignments"
	definitions        = "providers/Microsoft.Authorization/roleDefinitions"
	assignmentsVersion = "2020-04-01-preview"
	definitionsVersion = "2018-01-01-preview"
)

func roleGroup() command.Table {
	role := arg("--role", "Name or ID of the role.").Completes("role")
	assignee := arg("--assignee", "User name, object ID, application ID or client ID.")
	scope := arg("--scope", "Scope: the ID of a subscription, a resource group or a resource. The current subscription when it is left out.")
	group := arg("--resource-group -g", "Resource group as the scope.").Completes("group")
	inherited := flag("--include-inherited", "Also assignments at scopes above.")
	definitionName := arg("--name -n", "Name or ID of the role.")
	custom := arg("--custom-role-only", "Only custom roles.").Choices("true", "false").Of(grammarOptional)
	document := arg("--role-definition", "The role as JSON, or a file with it.").Required()
	return command.Table{
		Groups: []command.Group{
			{Path: "role", Summary: "Roles, and who has them."},
			{Path: "role assignment", Summary: "Who has which role where."},
			{Path: "role definition", Summary: "What roles allow."},
		},
		Commands: []*command.Command{
			{
				Path: "role assignment create", Summary: "Give somebody a role.",
				Arguments: []argument{
					role.Required(), assignee,
					arg("--assignee-object-id", "Object ID, for which the directory needn't be asked."),
					group, scope,
					arg("--assignee-principal-type", "Kind of the object ID's owner.").Choices("User", "Group", "ServicePrincipal", "ForeignGroup"),
					arg("--description", "Description."), arg("--condition", "Condition under which it holds."),
					arg("--condition-version", "Version of the condition's language."), arg("--name -n", "GUID of the assignment."),
				},
				Examples: []command.Example{{Title: "Let an identity read a resource group.", Line: "lanyard role assignment create --assignee CLIENT_ID --role Reader --scope /subscriptions/SUB/resourceGroups/GROUP"}},
				Run:      createAssignment,
			},
			{
				Path: "role assignment list", Summary: "List role assignments.",
				Arguments: []argument{assignee, role, group, scope, inherited, flag("--all", "All of the subscription."), flag("--include-groups", "Also those of groups that the assignee is in."),
					arg("--include-classic-administrators", "Also classic administrators; there are none any more.").Choices("true", "false").Of(grammarOptional)},
				Table:    columns("Principal", "principalName", "Role", "roleDefinitionName", "Scope", "scope"),
				Examples: []command.Example{{Title: "List what an identity may do.", Line: "lanyard role assignment list --all --assignee CLIENT_ID -o table"}},
				Run:      listAssignments,
			},
			{
				Path: "role assignment delete", Summary: "Take a role away.",
				Arguments: []argument{list("--ids", "IDs of assignments."), assignee, role, group, scope, inherited, flag("--yes -y", "Don't ask for confirmation.")},
				Examples:  []command.Example{{Title: "Take a role away.", Line: "lanyard role assignment delete --assignee CLIENT_ID --role Reader --scope /subscriptions/SUB/resourceGroups/GROUP"}},
				Run:       deleteAssignments,
			},
			{
				Path: "role definition list", Summary: "List roles.",
				Arguments: []argument{definitionName, group, scope, custom},
				Table:     columns("Name", "roleName", "Type", "type", "Description", "description"),
				Examples:  []command.Example{{Title: "Show what a role allows.", Line: `lanyard role definition list --name "Managed Identity Operator"`}},
				Run: func(ctx context.Context, c *command.Call) (any, error) {
					client, at, err := clientAndScope(c)
					if err != nil {
						return nil, err
					}
					found, err := findRoles(ctx, client, at, c.Get("name"), customOnly(c))
					if err != nil {
						return nil, err
					}
					return definitionKind().shaped(found), nil
				},
			},
			{Path: "role definition create", Summary: "Create a custom role.", Arguments: []argument{document}, Run: writeDefinition(false),
				Examples: []command.Example{{Title: "Create a role from a file.", Line: "lanyard role definition create --role-definition @role.json"}}},
			{Path: "role definition update", Summary: "Change a custom role.", Arguments: []argument{document}, Run: writeDefinition(true)},
			{
				Path: "role definition delete", Summary: "Delete a custom role.", Arguments: []argument{definitionName.Required(), group, scope, custom},
				Run: func(ctx context.Context, c *command.Call) (any, error) {
					client, at, err := clientAndScope(c)
					if err != nil {
						return nil, err
					}
					found, err := findRoles(ctx, client, at, c.Get("name"), customOnly(c))
					if err != nil {
						return nil, err
					}
					for _, v := range found {
						if _, err := client.Do(ctx, http.MethodDelete, at+"/"+definitions+"/"+v.(*value.Object).String("name"), definitionsVersion, nil); err != nil {
							return nil, err
						}
					}
					return nil, nil
				},
			},
		},
	}
}

func assignmentKind() kind { return kind{service: "authorization", model: "RoleAssignment"} }
func definitionKind() kind { return kind{service: "roledefinitions", model: "RoleDefinition"} }

// customOnly reads a flag that may stand alone or with true or false.
func customOnly(c *command.Call) bool {
	return c.Given("custom-role-only") && c.Get("custom-role-only") != "false"
}

func clientAndScope(c *command.Call) (*azure.Client, string, error) {
	client, err := c.Client()
	if err != nil {
		return nil, "", err
	}
	scope, group := c.Get("scope"), c.Get("resource-group")
	switch {
	case scope != "" && group != "":
		return nil, "", command.Usage("Resource group \"%s\" is redundant because scope is supplied", group)
	case scope != "":
		return client, strings.TrimRight(scope, "/"), nil
	case group != "":
		return client, client.Group(group), nil
	}
	return client, client.Scope(), nil
}

// findRoles returns the roles at a scope with a name or GUID; all for "".
func findRoles(ctx context.Context, client *azure.Client, scope, name string, custom bool) ([]any, error) {
	all, err := client.List(ctx, scope+"/"+definitions, definitionsVersion)
	if err != nil {
		return nil, err
	}
	found := []any{}
	for _, v := range all {
		o, ok := v.(*value.Object)
		if !ok || custom && o.String("properties", "type") != "CustomRole" {
			continue
		}
		if name == "" || o.String("name") == name || o.String("properties", "roleName") == name {
			found = append(found, o)
		}
	}
	return found, nil
}

// roleID finds the ID of a role that was named by ID, GUID or name.
func roleID(ctx context.Context, client *azure.Client, scope, role string) (string, error) {
	if strings.Contains(strings.ToLower(role), "/providers/microsoft.authorization/roledefinitions/") {
		return role, nil
	}
	if _, err := uuid.Parse(role); err == nil {
		return client.Scope(definitions, role), nil
	}
	found, err := client.List(ctx, scope+"/"+definitions, definitionsVersion, "$filter", "roleName eq '"+role+"'")
	if err != nil {
		return "", err
	}
	switch len(found) {
	case 0:
		return "", command.Usage("Role '%s' doesn't exist.", role)
	case 1:
		return found[0].(*value.Object).String("id"), nil
	}
	ids := make([]string, len(found))
	for i, v := range found {
		ids[i] = "'" + v.(*value.Object).String("id") + "'"
	}
	return "", command.Usage("More than one role matches the given name '%s'. Please pick a value from '[%s]'", role, strings.Join(ids, ", "))
}

// writeDefinition creates or changes a custom role.
func writeDefinition(update bool) func(context.Context, *command.Call) (any, error) {
	return func(ctx context.Context, c *command.Call) (any, error) {
		o, err := readRole(c.Get("role-definition"))
		if err != nil {
			return nil, err
		}
		if o.String("name") == "" && !update {
			return nil, command.Usage("please provide role name")
		}
		client, err := c.Client()
		if err != nil {
			return nil, err
		}
		scopes := o.List("assignableScopes")
		if len(scopes) == 0 && update {
			scopes = []any{client.Scope()}
		}
		if len(scopes) == 0 {
			return nil, command.Usage("please provide 'assignableScopes'")
		}
		id, name := uuid.NewString(), o.String("name")
		if update {
			if id, name, err = existingRole(ctx, client, o, scopes); err != nil {
				return nil, err
			}
		}
		permission := value.NewObject()
		for _, key := range []string{"actions", "notActions", "dataActions", "notDataActions"} {
			rules, _ := o.Get(key)
			if rules == nil {
				rules = []any{}
			}
			permission.Set(key, rules)
		}
		body := value.NewObject("properties", value.NewObject("roleName", name, "description", o.String("description"),
			"type", "CustomRole", "permissions", []any{permission}, "assignableScopes", scopes))
		scope, _ := scopes[0].(string)
		answer, err := client.Do(ctx, http.MethodPut, strings.TrimRight(scope, "/")+"/"+definitions+"/"+id, definitionsVersion, body)
		if err != nil {
			return nil, err
		}
		return definitionKind().shaped(answer.Document), nil
	}
}

// existingRole finds the role that a document means, by its ID or its name.
func existingRole(ctx context.Context, client *azure.Client, o *value.Object, scopes []any) (id, name string, err error) {
	if full := o.String("id"); full != "" {
		return full[strings.LastIndex(full, "/")+1:], o.String("roleName"), nil
	}
	for _, scope := range scopes {
		at, _ := scope.(string)
		found, err := findRoles(ctx, client, at, o.String("name"), false)
		if err != nil {
			return "", "", err
		}
		if len(found) > 0 {
			role := found[0].(*value.Object)
			return role.String("name"), role.String("properties", "roleName"), nil
		}
	}
	return "", "", command.Usage("No definition was found with the name of \"%s\"", o.String("name"))
}

// readRole reads a role from JSON or a file; names may begin with a capital, as
// PowerShell writes them.
func readRole(text string) (*value.Object, error) {
	if isFile(text) {
		data, err := os.ReadFile(absolute(text))
		if err != nil {
			return nil, err
		}
		text = string(data)
	}
	v, err := value.Decode([]byte(text))
	o, ok := v.(*value.Object)
	if err != nil || !ok {
		return nil, command.Usage("Invalid role definition. A valid dictionary JSON representation is expected.")
	}
	lower := value.NewObject()
	for _, key := range o.Keys() {
		v, _ := o.Get(key)
		lower.Set(strings.ToLower(key[:min(1, len(key))])+key[min(1, len(key)):], v)
	}
	return lower, nil
}

package groups

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/lanyard-project/lanyard/internal/cli/azure"
	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/value"
)

func adGroup() command.Table {
	var commands []*command.Command
	commands = append(commands, directoryCommands("ad sp", "service principal", "/servicePrincipals", "appId", []argument{arg("--spn", "Service principal name.")})...)
	commands = append(commands, directoryCommands("ad app", "application", "/applications", "appId", []argument{arg("--app-id", "Application ID."), arg("--identifier-uri", "Identifier URI.")})...)
	commands = append(commands, directoryCommands("ad group", "group", "/groups", "displayName", nil)...)
	commands = append(commands, directoryCommands("ad user", "user", "/users", "userPrincipalName", []argument{arg("--upn", "User principal name.")})...)
	commands = append(commands,
		&command.Command{
			Path: "ad app create", Summary: "Create an application.", Arguments: []argument{arg("--display-name", "Name.").Required(), list("--identifier-uris", "Identifier URIs.")},
			Run: func(ctx context.Context, c *command.Call) (any, error) {
				client, err := c.Client()
				if err != nil {
					return nil, err
				}
				body := value.NewObject("displayName", c.Get("display-name"))
				if uris := c.List("identifier-uris"); len(uris) > 0 {
					body.Set("identifierUris", value.Strings(uris))
				}
				answer, err := client.GraphDo(ctx, http.MethodPost, "/applications", body)
				if err != nil {
					return nil, err
				}
				return command.Verbatim{Document: answer.Document}, nil
			},
		},
		&command.Command{
			Path: "ad sp create", Summary: "Create the service principal of an application.", Arguments: []argument{arg("--id", "Application ID, object ID or identifier URI.").Required()},
			Run: func(ctx context.Context, c *command.Call) (any, error) {
				client, err := c.Client()
				if err != nil {
					return nil, err
				}
				return createPrincipal(ctx, client, c.Get("id"))
			},
		},
		&command.Command{
			Path: "ad sp create-for-rbac", Summary: "Create an application with a secret and give it a role.",
			Arguments: []argument{arg("--name --display-name -n", "Name."), arg("--role", "Role."), list("--scopes", "Scopes of the role."), arg("--years", "Years that the secret holds.").Or("1"), flag("--skip-assignment", "No role.")},
			Examples:  []command.Example{{Title: "Create a principal that may do everything in a group.", Line: "lanyard ad sp create-for-rbac --name MyApp --role Contributor --scopes /subscriptions/SUB/resourceGroups/GROUP"}},
			Run:       createForRBAC,
		},
	)
	return command.Table{
		Groups: []command.Group{
			{Path: "ad", Summary: "The directory."}, {Path: "ad sp", Summary: "Service principals."}, {Path: "ad app", Summary: "Applications."},
			{Path: "ad group", Summary: "Groups."}, {Path: "ad user", Summary: "Users."},
		},
		Commands: commands,
	}
}

// directoryCommands are show, list and delete of a kind of directory object; key is the
// property that it may be named by beside its object ID.
func directoryCommands(words, what, path, key string, filters []argument) []*command.Command {
	name := "--id"
	if key == "displayName" {
		name = "--group -g"
	}
	id := arg(name, "Object ID, or "+key+", of the "+what+".").Required()
	table := func(v any) any {
		rows, _ := v.([]any)
		slices.SortStableFunc(rows, func(a, b any) int {
			x, y := a.(*value.Object).String("displayName"), b.(*value.Object).String("displayName")
			switch {
			case x < y:
				return -1
			case x > y:
				return 1
			}
			return 0
		})
		return columns("DisplayName", "displayName", "Id", "id", "AppId", "appId", "CreatedDateTime", "createdDateTime")(rows)
	}
	return []*command.Command{
		{Path: words + " show", Summary: "Show a " + what + ".", Arguments: []argument{id}, Run: func(ctx context.Context, c *command.Call) (any, error) {
			client, err := c.Client()
			if err != nil {
				return nil, err
			}
			o, err := findObject(ctx, client, path, key, c.Get(id.Key()))
			if err != nil {
				return nil, err
			}
			return command.Verbatim{Document: o}, nil
		}},
		{Path: words + " delete", Summary: "Delete a " + what + ".", Arguments: []argument{id}, Run: func(ctx context.Context, c *command.Call) (any, error) {
			client, err := c.Client()
			if err != nil {
				return nil, err
			}
			o, err := findObject(ctx, client, path, key, c.Get(id.Key()))
			if err != nil {
				return nil, err
			}
			_, err = client.GraphDo(ctx, http.MethodDelete, path+"/"+o.String("id"), nil)
			return nil, err
		}},
		{Path: words + " list", Summary: "List every " + what + ".", Table: table,
			Arguments: append([]argument{arg("--display-name", "Only those whose name begins so."), flag("--all", "All, however many."), arg("--filter", "OData filter."), flag("--show-mine", "Only one's own.")}, filters...),
			Run: func(ctx context.Context, c *command.Call) (any, error) {
				client, err := c.Client()
				if err != nil {
					return nil, err
				}
				all, err := client.GraphList(ctx, path, directoryFilter(c))
				if err != nil {
					return nil, err
				}
				return all, nil
			}},
	}
}

func directoryFilter(c *command.Call) string {
	switch {
	case c.Get("filter") != "":
		return c.Get("filter")
	case c.Get("display-name") != "":
		return "startswith(displayName,'" + c.Get("display-name") + "')"
	case c.Get("spn") != "":
		return "servicePrincipalNames/any(c:c eq '" + c.Get("spn") + "')"
	case c.Get("app-id") != "":
		return "appId eq '" + c.Get("app-id") + "'"
	case c.Get("identifier-uri") != "":
		return "identifierUris/any(s:s eq '" + c.Get("identifier-uri") + "')"
	case c.Get("upn") != "":
		return "userPrincipalName eq '" + c.Get("upn") + "'"
	}
	return ""
}

// findObject finds a directory object by what az takes for its name, else by object ID.
func findObject(ctx context.Context, client *azure.Client, path, key, name string) (*value.Object, error) {
	filter := key + " eq '" + name + "'"
	if path == "/servicePrincipals" {
		filter = "servicePrincipalNames/any(c:c eq '" + name + "')"
	}
	if _, bad := uuid.Parse(name); bad == nil || key != "appId" || path == "/servicePrincipals" {
		found, err := client.GraphList(ctx, path, filter)
		if err != nil {
			return nil, err
		}
		if len(found) > 0 {
			return found[0].(*value.Object), nil
		}
		if bad != nil && path == "/servicePrincipals" {
			return nil, &azure.Error{Status: http.StatusNotFound, Text: "Service principal '" + name + "' doesn't exist"}
		}
	}
	answer, err := client.GraphDo(ctx, http.MethodGet, path+"/"+name, nil)
	if err != nil {
		return nil, err
	}
	return answer.Object(), nil
}

func createPrincipal(ctx context.Context, client *azure.Client, id string) (any, error) {
	app, err := findObject(ctx, client, "/applications", "appId", id)
	if err == nil {
		id = app.String("appId")
	}
	answer, err := client.GraphDo(ctx, http.MethodPost, "/servicePrincipals", value.NewObject("appId", id, "accountEnabled", true))
	if err != nil {
		return nil, err
	}
	return command.Verbatim{Document: answer.Document}, nil
}

// createForRBAC makes an application with a secret and a service principal, and gives
// it a role.
func createForRBAC(ctx context.Context, c *command.Call) (any, error) {
	if (c.Get("role") == "") != (len(c.List("scopes")) == 0) {
		return nil, command.Usage("Usage error: To create role assignments, specify both --role and --scopes.")
	}
	client, err := c.Client()
	if err != nil {
		return nil, err
	}
	name := c.Get("name")
	if name == "" {
		name = "azure-cli-" + time.Now().UTC().Format("2006-01-02-15-04-05")
	}
	app, err := client.GraphDo(ctx, http.MethodPost, "/applications", value.NewObject("displayName", name))
	if err != nil {
		return nil, err
	}
	years, err := number(c, "years")
	if err != nil {
		return nil, err
	}
	end := time.Now().UTC()
	if n, ok := years.(interface{ Int64() (int64, error) }); ok {
		y, _ := n.Int64()
		end = end.AddDate(int(y), 0, 0)
	}
	secret, err := client.GraphDo(ctx, http.MethodPost, "/applications/"+app.Object().String("id")+"/addPassword",
		value.NewObject("passwordCredential", value.NewObject("displayName", "rbac", "endDateTime", end.Format(time.RFC3339))))
	if err != nil {
		return nil, err
	}
	id := app.Object().String("appId")
	sp, err := client.GraphDo(ctx, http.MethodPost, "/servicePrincipals", value.NewObject("appId", id, "accountEnabled", true))
	if err != nil {
		return nil, err
	}
	for _, scope := range c.List("scopes") {
		c.Warn("Creating '%s' role assignment under scope '%s'", c.Get("role"), scope)
		if err := grantRole(ctx, c, client, c.Get("role"), sp.Object().String("id"), scope); err != nil {
			return nil, err
		}
	}
	c.Warn("The output includes credentials that you must protect. Be sure that you do not include these credentials in your code or check the credentials into your source control. For more information, see https://aka.ms/azadsp-cli")
	return value.NewObject("appId", id, "displayName", name, "password", secret.Object().String("secretText"), "tenant", client.Tenant), nil
}

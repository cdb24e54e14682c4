package groups

import (
	"context"
	"net/http"

	"github.com/lanyard-project/lanyard/internal/cli/azure"
	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/value"
)

const locksVersion = "2016-09-01"

func lockKind() kind { return kind{service: "locks", model: "ManagementLockObject"} }

func lockGroup() command.Table {
	name := arg("--name -n", "Name of the lock.")
	scope := []argument{
		arg("--resource-group -g", "Resource group of what is locked.").Completes("group"),
		arg("--namespace", "Provider of the resource."), arg("--parent", "Parent of the resource."), arg("--resource-type", "Type of the resource."),
		arg("--resource --resource-name", "Name of the resource."),
	}
	with := func(more ...argument) []argument { return append(more, scope...) }
	kinds := arg("--lock-type -t", "What it forbids.").Choices("CanNotDelete", "ReadOnly")
	ids := list("--ids", "IDs of locks.")
	return command.Table{
		Groups: []command.Group{{Path: "lock", Summary: "Locks against deletion and change."}},
		Commands: []*command.Command{
			{
				Path: "lock create", Summary: "Lock a subscription, a group or a resource.", Arguments: with(name.Required(), kinds.Required(), arg("--notes", "Notes.")),
				Examples: []command.Example{{Title: "Keep a group from being deleted.", Line: "lanyard lock create --name keep --resource-group MyResourceGroup --lock-type CanNotDelete"}},
				Run: func(ctx context.Context, c *command.Call) (any, error) {
					client, err := c.Client()
					if err != nil {
						return nil, err
					}
					properties := value.NewObject("level", c.Get("lock-type"))
					if notes := c.Get("notes"); notes != "" {
						properties.Set("notes", notes)
					}
					return putLock(ctx, client, lockScope(client, c)+"/"+azure.Word(c.Get("name")), properties)
				},
			},
			{
				Path: "lock list", Summary: "List locks.", Arguments: with(arg("--filter-string", "Filter.")),
				Run: func(ctx context.Context, c *command.Call) (any, error) {
					client, err := c.Client()
					if err != nil {
						return nil, err
					}
					all, err := client.List(ctx, lockScope(client, c), locksVersion)
					if err != nil {
						return nil, err
					}
					return lockKind().shaped(all), nil
				},
			},
			{Path: "lock show", Summary: "Show a lock.", Arguments: with(name, ids), Run: eachLock(func(ctx context.Context, c *command.Call, client *azure.Client, path string) (any, error) {
				o, err := client.Get(ctx, path, locksVersion)
				if err != nil {
					return nil, err
				}
				return lockKind().shaped(o), nil
			})},
			{Path: "lock update", Summary: "Change a lock.", Arguments: with(name, ids, kinds, arg("--notes", "Notes.")), Run: eachLock(func(ctx context.Context, c *command.Call, client *azure.Client, path string) (any, error) {
				o, err := client.Get(ctx, path, locksVersion)
				if err != nil {
					return nil, err
				}
				properties := o.Ensure("properties")
				for option, field := range map[string]string{"lock-type": "level", "notes": "notes"} {
					if c.Given(option) {
						properties.Set(field, c.Get(option))
					}
				}
				return putLock(ctx, client, path, properties)
			})},
			{Path: "lock delete", Summary: "Remove a lock.", Arguments: with(name, ids), Run: eachLock(func(ctx context.Context, _ *command.Call, client *azure.Client, path string) (any, error) {
				_, err := client.Do(ctx, http.MethodDelete, path, locksVersion, nil)
				return nil, err
			})},
		},
	}
}

// lockScope is the collection of locks of what the command line names.
func lockScope(client *azure.Client, c *command.Call) string {
	return resourceOrGroup(client, c, "resource") + "/providers/Microsoft.Authorization/locks"
}

// resourceOrGroup is the resource, group or subscription that arguments name.
func resourceOrGroup(client *azure.Client, c *command.Call, nameKey string) string {
	path := client.Scope()
	if group := c.Get("resource-group"); group != "" {
		path = client.Group(group)
	}
	if c.Get(nameKey) == "" || c.Get("resource-type") == "" {
		return path
	}
	namespace, kind := resourceType(c)
	path += "/providers/" + namespace
	if parent := c.Get("parent"); parent != "" {
		path += "/" + parent
	}
	return path + "/" + kind + "/" + azure.Word(c.Get(nameKey))
}

func putLock(ctx context.Context, client *azure.Client, path string, properties *value.Object) (any, error) {
	answer, err := client.Do(ctx, http.MethodPut, path, locksVersion, value.NewObject("properties", properties))
	if err != nil {
		return nil, err
	}
	return lockKind().shaped(answer.Document), nil
}

// eachLock runs for the locks of --ids, or for the one that is named.
func eachLock(run func(context.Context, *command.Call, *azure.Client, string) (any, error)) func(context.Context, *command.Call) (any, error) {
	return func(ctx context.Context, c *command.Call) (any, error) {
		client, err := c.Client()
		if err != nil {
			return nil, err
		}
		paths := c.List("ids")
		if len(paths) == 0 {
			if c.Get("name") == "" {
				return nil, command.Usage("(--name | --ids) are required")
			}
			paths = []string{lockScope(client, c) + "/" + azure.Word(c.Get("name"))}
		}
		var all []any
		for _, path := range paths {
			v, err := run(ctx, c, client, path)
			if err != nil {
				return nil, err
			}
			if v != nil {
				all = append(all, v)
			}
		}
		switch len(all) {
		case 0:
			return nil, nil
		case 1:
			return all[0], nil
		}
		return all, nil
	}
}

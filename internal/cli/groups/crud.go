package groups

import (
	"context"
	"strings"

	"github.com/lanyard-project/lanyard/internal/cli/azure"
	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/value"
)

// family is a type of resource whose commands are alike: show, list, delete, and create
// with a body of its own.
type family struct {
	kind
	// path are the words before the verb, what is what help calls the resource.
	words, what string
	// provider is the ARM type.
	provider string
	// parent is the option that names the parent, when the type stands below another.
	parent, parentType string
	// unique says that a name alone is enough, since no two of the subscription, or of
	// all, have one name.
	unique bool
	// confirm asks before a deletion.
	confirm string
	table   func(any) any
}

// names are the arguments that name one.
func (f family) names() []argument {
	if f.parent != "" {
		return []argument{inGroup(), arg("--"+f.parent, "Name of the parent.").Required().ID(command.PartName), arg("--name -n", "Name of the "+f.what+".").Required().ID(command.PartChild)}
	}
	if f.unique {
		return []argument{optionalGroup(), named(f.what)}
	}
	return []argument{inGroup(), named(f.what)}
}

// newNames are the arguments that name one which isn't there yet.
func (f family) newNames() []argument {
	f.unique = false
	return f.names()
}

// found returns a command that looks the resource group up where none was named.
func (f family) found(run func(context.Context, *command.Call) (any, error)) func(context.Context, *command.Call) (any, error) {
	if !f.unique {
		return run
	}
	return func(ctx context.Context, c *command.Call) (any, error) {
		if c.Get("resource-group") == "" {
			client, err := c.Client()
			if err != nil {
				return nil, err
			}
			id, err := byName(ctx, client, f.provider, c.Get("name"))
			if err != nil {
				return nil, err
			}
			c.Set("resource-group", strings.Split(id, "/")[4])
		}
		return run(ctx, c)
	}
}

// byName finds the ID of a resource of the subscription by its type and name.
func byName(ctx context.Context, client *azure.Client, kind, name string) (string, error) {
	all, err := client.List(ctx, client.Scope("resources"), resourcesVersion, "$filter", "resourceType eq '"+kind+"'")
	if err != nil {
		return "", err
	}
	for _, v := range all {
		if o, ok := v.(*value.Object); ok && strings.EqualFold(o.String("name"), name) {
			return o.String("id"), nil
		}
	}
	return "", command.Usage("The resource with name '%s' and type '%s' could not be found in subscription '%s'.", name, kind, client.Subscription)
}

func (f family) at(client *azure.Client, c *command.Call, name ...string) string {
	parts := []string{"providers", f.provider}
	if f.parent != "" {
		parts = []string{"providers", f.parentType, azure.Word(c.Get(f.parent)), f.provider}
	}
	return client.Group(c.Get("resource-group"), append(parts, name...)...)
}

// complete fills the kind's path in.
func (f family) complete() family {
	f.path = func(client *azure.Client, c *command.Call) string { return f.at(client, c, azure.Word(c.Get("name"))) }
	return f
}

// reading are show, list and delete.
func (f family) reading() []*command.Command {
	f = f.complete()
	listing := f.listed(f.provider)
	listArguments := []argument{optionalGroup()}
	if f.parent != "" {
		listArguments = []argument{inGroup(), arg("--"+f.parent, "Name of the parent.").Required()}
		listing = func(ctx context.Context, c *command.Call) (any, error) {
			client, err := c.Client()
			if err != nil {
				return nil, err
			}
			all, err := client.List(ctx, f.at(client, c), f.version)
			if err != nil {
				return nil, err
			}
			return f.shaped(all), nil
		}
	}
	return []*command.Command{
		{Path: f.words + " show", Summary: "Show a " + f.what + ".", Arguments: f.names(), Run: f.found(f.show)},
		{Path: f.words + " list", Summary: "List every " + f.what + ".", Arguments: listArguments, Table: f.table, Run: listing},
		{Path: f.words + " delete", Summary: "Delete a " + f.what + ".", Arguments: f.names(), Confirm: f.confirm, NoWait: true, Run: f.found(f.remove)},
	}
}

// creating makes a create command of what fills the body. The location is that of the
// group unless one is given.
func (f family) creating(arguments []argument, fill func(c *command.Call, client *azure.Client, body *value.Object) error) *command.Command {
	f = f.complete()
	return &command.Command{
		Path: f.words + " create", Summary: "Create a " + f.what + ".", Arguments: append(append(f.newNames(), arguments...), location(), tags()), NoWait: true,
		Run: func(ctx context.Context, c *command.Call) (any, error) {
			client, err := c.Client()
			if err != nil {
				return nil, err
			}
			body := value.NewObject()
			if f.parent == "" {
				where, err := groupLocation(ctx, c, client)
				if err != nil {
					return nil, err
				}
				body.Set("location", where)
			}
			if err := fill(c, client, body); err != nil {
				return nil, err
			}
			return f.put(ctx, c, client, withTags(c, body))
		},
	}
}

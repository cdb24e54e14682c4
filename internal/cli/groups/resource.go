package groups

import (
	"context"
	"errors"
	"net/http"

	"github.com/lanyard-project/lanyard/internal/cli/azure"
	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/grammar"
	"github.com/lanyard-project/lanyard/internal/cli/shape"
	"github.com/lanyard-project/lanyard/internal/cli/value"
)

// kind is a type of resource as commands deal with it.
type kind struct {
	// version is the api-version that az asks with.
	version string
	// service and model say how an answer is printed; sparse leaves out nulls.
	service, model string
	sparse         bool
	// path is where the resource of a call is.
	path func(*azure.Client, *command.Call) string
}

// shaped prints an answer as az does.
func (k kind) shaped(v any) any {
	models := shape.Load(k.service)
	convert := models.Full
	if k.sparse {
		convert = models.Sparse
	}
	if list, ok := v.([]any); ok {
		converted := make([]any, len(list))
		for i := range list {
			converted[i] = convert(k.model, list[i])
		}
		return converted
	}
	return convert(k.model, v)
}

func (k kind) show(ctx context.Context, c *command.Call) (any, error) {
	client, err := c.Client()
	if err != nil {
		return nil, err
	}
	o, err := client.Get(ctx, k.path(client, c), k.version)
	if err != nil {
		return nil, err
	}
	return k.shaped(o), nil
}

// remove deletes the resource and prints nothing.
func (k kind) remove(ctx context.Context, c *command.Call) (any, error) {
	client, err := c.Client()
	if err != nil {
		return nil, err
	}
	_, err = finish(ctx, c, client, http.MethodDelete, k.path(client, c), k.version, nil)
	return nil, err
}

// put sends a body and prints the resource.
func (k kind) put(ctx context.Context, c *command.Call, client *azure.Client, body any) (any, error) {
	v, err := finish(ctx, c, client, http.MethodPut, k.path(client, c), k.version, body)
	if err != nil || v == nil {
		return nil, err
	}
	return k.shaped(v), nil
}

// change reads the resource, lets edit change it, and sends it back.
func (k kind) change(ctx context.Context, c *command.Call, edit func(*value.Object) error) (any, error) {
	client, err := c.Client()
	if err != nil {
		return nil, err
	}
	o, err := client.Get(ctx, k.path(client, c), k.version)
	if err != nil {
		return nil, err
	}
	if err := edit(o); err != nil {
		return nil, err
	}
	return k.put(ctx, c, client, o)
}

// listed returns a command that lists a collection: that of a resource group when one
// is given, else that of the subscription.
func (k kind) listed(provider string) func(context.Context, *command.Call) (any, error) {
	return func(ctx context.Context, c *command.Call) (any, error) {
		client, err := c.Client()
		if err != nil {
			return nil, err
		}
		path := client.Scope("providers", provider)
		if group := c.Get("resource-group"); group != "" {
			path = client.Group(group, "providers", provider)
		}
		all, err := client.List(ctx, path, k.version)
		if err != nil {
			return nil, err
		}
		return k.shaped(all), nil
	}
}

// within returns the path of a resource of a group, named by --name.
func within(provider string) func(*azure.Client, *command.Call) string {
	return func(client *azure.Client, c *command.Call) string {
		return client.Group(c.Get("resource-group"), "providers", provider, azure.Word(c.Get("name")))
	}
}

// finish sends a request and waits for its operation, unless --no-wait was given: then
// the answer is nil.
func finish(ctx context.Context, c *command.Call, client *azure.Client, method, path, version string, body any) (any, error) {
	operation, err := client.Begin(ctx, method, path, version, body)
	if err != nil || c.On("no-wait") {
		return nil, err
	}
	done := c.Progress("Running")
	defer done()
	return operation.Wait(ctx)
}

// groupLocation is where a resource goes when no location was given: where its group
// is. az looks that up while it reads the command line, so that a group which can't be
// read counts as a line that can't be understood.
func groupLocation(ctx context.Context, c *command.Call, client *azure.Client) (string, error) {
	where, err := locationOfGroup(ctx, c, client)
	var refused *azure.Error
	if errors.As(err, &refused) {
		return "", &grammar.Error{Text: refused.Text, Command: c.Command.Path}
	}
	return where, err
}

// locationOfGroup is --location, or where the resource group is.
func locationOfGroup(ctx context.Context, c *command.Call, client *azure.Client) (string, error) {
	if given := c.Get("location"); given != "" {
		return place(given), nil
	}
	group, err := client.Get(ctx, client.Group(c.Get("resource-group")), resourcesVersion)
	return group.String("location"), err
}

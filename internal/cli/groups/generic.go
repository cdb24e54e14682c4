package groups

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/lanyard-project/lanyard/internal/cli/azure"
	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/value"
)

// resourceType splits "Microsoft.Network/virtualNetworks", or --namespace and a type.
func resourceType(c *command.Call) (namespace, kind string) {
	namespace, kind = c.Get("namespace"), c.Get("resource-type")
	if before, after, ok := strings.Cut(kind, "/"); ok && namespace == "" {
		return before, after
	}
	return namespace, kind
}

func resourceGroupCommands() command.Table {
	id := list("--ids", "IDs of resources.")
	which := []argument{id, optionalGroup(), arg("--namespace", "Provider."), arg("--parent", "Parent."), arg("--resource-type", "Type."), arg("--name -n", "Name.")}
	version := arg("--api-version", "api-version; the newest stable one when it is left out.")
	with := func(more ...argument) []argument { return append(slices.Clone(which), more...) }
	return command.Table{
		Groups: []command.Group{{Path: "resource", Summary: "Resources of any type."}},
		Commands: []*command.Command{
			{
				Path: "resource list", Summary: "List resources.",
				Arguments: []argument{optionalGroup(), arg("--namespace", "Provider."), arg("--resource-type", "Type."), arg("--name -n", "Name."), arg("--tag", "Only those with this tag."), arg("--location -l", "Only those here.")},
				Table: func(v any) any {
					rows, _ := v.([]any)
					made := make([]any, len(rows))
					for i, row := range rows {
						o, _ := row.(*value.Object)
						made[i] = value.NewObject("Name", o.String("name"), "ResourceGroup", o.String("resourceGroup"), "Location", o.String("location"), "Type", o.String("type"), "Status", " ")
					}
					return made
				},
				Run: listResources,
			},
			{Path: "resource show", Summary: "Show a resource.", Arguments: with(version), Run: eachResource(func(ctx context.Context, client *azure.Client, c *command.Call, path, version string) (any, error) {
				o, err := client.Get(ctx, path, version)
				if err != nil {
					return nil, err
				}
				return kind{service: "resources", model: "GenericResource"}.shaped(o), nil
			})},
			{Path: "resource delete", Summary: "Delete resources.", NoWait: true, Arguments: with(version), Run: eachResource(func(ctx context.Context, client *azure.Client, c *command.Call, path, version string) (any, error) {
				_, err := finish(ctx, c, client, http.MethodDelete, path, version, nil)
				return nil, err
			})},
			{Path: "resource tag", Summary: "Tag resources.", Arguments: with(version, tags().Required(), flag("--is-incremental -i", "Keep the other tags.")), Run: eachResource(tagResource)},
			{
				Path: "resource create", Summary: "Create a resource of any type.",
				Arguments: []argument{arg("--properties -p", "Properties as JSON.").Required(), optionalGroup(), arg("--namespace", "Provider."), arg("--parent", "Parent."), arg("--resource-type", "Type."), arg("--name -n", "Name."), arg("--id", "ID."), version, location(), flag("--is-full-object", "The properties are the whole resource.")},
				Run:       createResource,
			},
			{Path: "resource update", Summary: "Change a resource.", Arguments: with(append([]argument{version}, genericUpdate()...)...), Run: eachResource(func(ctx context.Context, client *azure.Client, c *command.Call, path, version string) (any, error) {
				o, err := client.Get(ctx, path, version)
				if err != nil {
					return nil, err
				}
				if err := applyGeneric(c, o); err != nil {
					return nil, err
				}
				v, err := finish(ctx, c, client, http.MethodPut, path, version, o)
				if err != nil {
					return nil, err
				}
				return kind{service: "resources", model: "GenericResource"}.shaped(v), nil
			})},
			{Path: "resource invoke-action", Summary: "Post an action to a resource.", Arguments: with(version, arg("--action", "Action.").Required(), arg("--request-body", "Body as JSON.")), Run: eachResource(func(ctx context.Context, client *azure.Client, c *command.Call, path, version string) (any, error) {
				var body any
				if text := c.Get("request-body"); text != "" {
					var err error
					if body, err = value.Decode([]byte(text)); err != nil {
						return nil, err
					}
				}
				return finish(ctx, c, client, http.MethodPost, path+"/"+c.Get("action"), version, body)
			})},
		},
	}
}

func listResources(ctx context.Context, c *command.Call) (any, error) {
	client, err := c.Client()
	if err != nil {
		return nil, err
	}
	var filters []string
	if group := c.Get("resource-group"); group != "" {
		if _, err := client.Get(ctx, client.Group(group), resourcesVersion); err != nil {
			return nil, err
		}
		filters = append(filters, "resourceGroup eq '"+group+"'")
	}
	if name := c.Get("name"); name != "" {
		filters = append(filters, "name eq '"+name+"'")
	}
	if l := c.Get("location"); l != "" {
		filters = append(filters, "location eq '"+place(l)+"'")
	}
	if namespace, kind := resourceType(c); kind != "" {
		filters = append(filters, "resourceType eq '"+namespace+"/"+kind+"'")
	}
	if tag := c.Get("tag"); tag != "" {
		filters = append(filters, tagFilter(tag))
	}
	query := []string{"$expand", "createdTime,changedTime,provisioningState"}
	if len(filters) > 0 {
		query = append(query, "$filter", strings.Join(filters, " and "))
	}
	all, err := client.List(ctx, client.Scope("resources"), resourcesVersion, query...)
	if err != nil {
		return nil, err
	}
	return kind{service: "resources", model: "GenericResourceExpanded"}.shaped(all), nil
}

// newestVersion asks the provider for the newest stable api-version of a type.
func newestVersion(ctx context.Context, client *azure.Client, path string) (string, error) {
	parts := strings.Split(path[strings.LastIndex(strings.ToLower(path), "/providers/")+1:], "/")
	if len(parts) < 4 {
		return resourcesVersion, nil
	}
	types := []string{}
	for i := 2; i < len(parts); i += 2 {
		types = append(types, parts[i])
	}
	provider, err := client.Get(ctx, client.Scope("providers", parts[1]), resourcesVersion)
	if err != nil {
		return "", err
	}
	for _, v := range provider.List("resourceTypes") {
		o, _ := v.(*value.Object)
		if !strings.EqualFold(o.String("resourceType"), strings.Join(types, "/")) {
			continue
		}
		var all []string
		for _, v := range o.List("apiVersions") {
			if s, ok := v.(string); ok {
				all = append(all, s)
			}
		}
		stable := slices.DeleteFunc(slices.Clone(all), func(s string) bool { return strings.Contains(s, "preview") })
		if len(stable) == 0 {
			stable = all
		}
		if len(stable) > 0 {
			return slices.Max(stable), nil
		}
	}
	return "", command.Usage("Resource type %s not found.", strings.Join(types, "/"))
}

// eachResource runs for the resources of --ids, or for the one that is named.
func eachResource(run func(context.Context, *azure.Client, *command.Call, string, string) (any, error)) func(context.Context, *command.Call) (any, error) {
	return func(ctx context.Context, c *command.Call) (any, error) {
		client, err := c.Client()
		if err != nil {
			return nil, err
		}
		paths := c.List("ids")
		if len(paths) == 0 {
			if c.Get("name") == "" || c.Get("resource-type") == "" {
				return nil, command.Usage("(--ids ID | --resource-group NAME [--namespace NAMESPACE --parent PARENT --resource-type TYPE] --name NAME) are required")
			}
			paths = []string{resourceOrGroup(client, c, "name")}
		}
		var all []any
		for _, path := range paths {
			version := c.Get("api-version")
			if version == "" {
				if version, err = newestVersion(ctx, client, path); err != nil {
					return nil, err
				}
			}
			v, err := run(ctx, client, c, path, version)
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

func tagResource(ctx context.Context, client *azure.Client, c *command.Call, path, version string) (any, error) {
	body := pairs(c.List("tags"))
	if c.On("is-incremental") {
		o, err := client.Get(ctx, path, version)
		if err != nil {
			return nil, err
		}
		old := o.Object("tags")
		merged := value.NewObject()
		for _, source := range []*value.Object{old, body} {
			for _, key := range source.Keys() {
				merged.Set(key, source.String(key))
			}
		}
		body = merged
	}
	v, err := finish(ctx, c, client, http.MethodPatch, path, version, value.NewObject("tags", body))
	if err != nil {
		return nil, err
	}
	return kind{service: "resources", model: "GenericResource"}.shaped(v), nil
}

func createResource(ctx context.Context, c *command.Call) (any, error) {
	client, err := c.Client()
	if err != nil {
		return nil, err
	}
	path := c.Get("id")
	if path == "" {
		path = resourceOrGroup(client, c, "name")
	}
	properties, err := value.Decode([]byte(c.Get("properties")))
	if err != nil {
		return nil, command.Usage("--properties needs JSON: %v", err)
	}
	body, _ := properties.(*value.Object)
	if !c.On("is-full-object") {
		body = value.NewObject("properties", properties)
		where, err := groupLocation(ctx, c, client)
		if err != nil {
			return nil, err
		}
		body.Set("location", where)
	}
	version := c.Get("api-version")
	if version == "" {
		if version, err = newestVersion(ctx, client, path); err != nil {
			return nil, err
		}
	}
	v, err := finish(ctx, c, client, http.MethodPut, path, version, body)
	if err != nil {
		return nil, err
	}
	return kind{service: "resources", model: "GenericResource"}.shaped(v), nil
}

package groups

import (
	"context"
	"net/http"
	"strings"

	"github.com/lanyard-project/lanyard/internal/cli/azure"
	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/value"
)

const resourcesVersion = "2021-04-01"

func groupKind() kind {
	return kind{version: resourcesVersion, service: "resources", model: "ResourceGroup",
		path: func(client *azure.Client, c *command.Call) string { return client.Group(c.Get("name")) }}
}

func groupGroup() command.Table {
	k := groupKind()
	name := arg("--name -n --resource-group -g", "Name of the resource group.").Required().Completes("group")
	newName := arg("--name --resource-group -n -g", "Name of the new resource group.").Required()
	return command.Table{
		Groups: []command.Group{{Path: "group", Summary: "Resource groups."}},
		Commands: []*command.Command{
			{
				Path: "group create", Summary: "Create a resource group.",
				Arguments: []argument{newName, location().Required(), tags(), arg("--managed-by", "ID of the resource that manages this group.")},
				Examples:  []command.Example{{Title: "Create a resource group in West US.", Line: "lanyard group create -l westus -n MyResourceGroup"}},
				Run: func(ctx context.Context, c *command.Call) (any, error) {
					client, err := c.Client()
					if err != nil {
						return nil, err
					}
					body := withTags(c, value.NewObject("location", place(c.Get("location"))))
					if by := c.Get("managed-by"); by != "" {
						body.Set("managedBy", by)
					}
					return k.put(ctx, c, client, body)
				},
			},
			{
				Path: "group show", Summary: "Show a resource group.", Arguments: []argument{name}, Run: k.show,
				Examples: []command.Example{{Title: "Show the ID of a group.", Line: "lanyard group show --name MyResourceGroup --query id -o tsv"}},
			},
			{
				Path: "group list", Summary: "List resource groups.",
				Arguments: []argument{arg("--tag", "Only groups with this tag, key[=value].")},
				Table:     columns("Name", "name", "Location", "location", "Status", "properties.provisioningState"),
				Examples: []command.Example{
					{Title: "List the groups in West US.", Line: `lanyard group list --query "[?location=='westus']"`},
				},
				Run: listGroups,
			},
			{
				Path: "group exists", Summary: "Say whether a resource group exists.", Arguments: []argument{name},
				Run: func(ctx context.Context, c *command.Call) (any, error) {
					client, err := c.Client()
					if err != nil {
						return nil, err
					}
					_, err = client.Do(ctx, http.MethodHead, k.path(client, c), k.version, nil)
					if azure.NotFound(err) {
						return false, nil
					}
					return err == nil, err
				},
			},
			{
				Path: "group delete", Summary: "Delete a resource group and everything in it.",
				Arguments: []argument{name, arg("--force-deletion-types -f", "Types whose resources are deleted by force.").
					Choices("Microsoft.Compute/virtualMachines", "Microsoft.Compute/virtualMachineScaleSets")},
				Confirm: command.Sure, NoWait: true, Run: k.remove,
				Examples: []command.Example{{Title: "Delete a group without being asked.", Line: "lanyard group delete -n MyResourceGroup --yes"}},
			},
			{
				Path: "group update", Summary: "Change the tags of a resource group.",
				Arguments: append([]argument{name, tags()}, genericUpdate()...),
				Run: func(ctx context.Context, c *command.Call) (any, error) {
					return k.change(ctx, c, func(o *value.Object) error {
						withTags(c, o)
						return applyGeneric(c, o)
					})
				},
			},
			{
				Path: "group wait", Summary: "Wait until a condition of a resource group holds.",
				Arguments: append([]argument{name}, waitArguments()...), Run: k.wait,
			},
		},
	}
}

func listGroups(ctx context.Context, c *command.Call) (any, error) {
	client, err := c.Client()
	if err != nil {
		return nil, err
	}
	var filter []string
	if tag := c.Get("tag"); tag != "" {
		filter = []string{"$filter", tagFilter(tag)}
	}
	all, err := client.List(ctx, client.Scope("resourcegroups"), resourcesVersion, filter...)
	if err != nil {
		return nil, err
	}
	return groupKind().shaped(all), nil
}

func tagFilter(tag string) string {
	key, v, _ := strings.Cut(tag, "=")
	filter := "tagname eq '" + key + "'"
	if v != "" {
		filter += " and tagvalue eq '" + v + "'"
	}
	return filter
}

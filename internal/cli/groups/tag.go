package groups

import (
	"context"
	"net/http"

	"github.com/lanyard-project/lanyard/internal/cli/azure"
	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/value"
)

func tagGroup() command.Table {
	id := arg("--resource-id", "ID of what is tagged.")
	name := arg("--name -n", "Name of the tag.")
	k := kind{service: "resources", model: "TagsResource"}
	names := kind{service: "resources", model: "TagDetails"}
	write := func(method string) func(context.Context, *command.Call) (any, error) {
		return func(ctx context.Context, c *command.Call) (any, error) {
			client, err := c.Client()
			if err != nil {
				return nil, err
			}
			if c.Get("resource-id") == "" {
				if c.Get("name") == "" {
					return nil, command.Usage("usage error: --name NAME | --resource-id ID --tags KEY=VALUE")
				}
				answer, err := client.Do(ctx, method, client.Scope("tagNames", azure.Word(c.Get("name"))), resourcesVersion, nil)
				if err != nil || method == http.MethodDelete {
					return nil, err
				}
				return names.shaped(answer.Document), nil
			}
			body := value.NewObject("properties", value.NewObject("tags", pairs(c.List("tags"))))
			if method == http.MethodPatch {
				body = value.NewObject("operation", c.Get("operation"), "properties", body.At("properties"))
			}
			answer, err := client.Do(ctx, method, c.Get("resource-id")+"/providers/Microsoft.Resources/tags/default", resourcesVersion, body)
			if err != nil || answer.Document == nil {
				return nil, err
			}
			return k.shaped(answer.Document), nil
		}
	}
	return command.Table{
		Groups: []command.Group{{Path: "tag", Summary: "Tags."}},
		Commands: []*command.Command{
			{Path: "tag list", Summary: "List tags.", Arguments: []argument{id}, Run: func(ctx context.Context, c *command.Call) (any, error) {
				client, err := c.Client()
				if err != nil {
					return nil, err
				}
				if at := c.Get("resource-id"); at != "" {
					o, err := client.Get(ctx, at+"/providers/Microsoft.Resources/tags/default", resourcesVersion)
					if err != nil {
						return nil, err
					}
					return k.shaped(o), nil
				}
				all, err := client.List(ctx, client.Scope("tagNames"), resourcesVersion)
				if err != nil {
					return nil, err
				}
				return names.shaped(all), nil
			}},
			{Path: "tag create", Summary: "Set the tags of a resource, or make a tag name.", Arguments: []argument{id, name, tags()}, Run: write(http.MethodPut)},
			{Path: "tag update", Summary: "Change the tags of a resource.", Arguments: []argument{id.Required(), arg("--operation", "Merge, Replace or Delete.").Choices("Merge", "Replace", "Delete").Required(), tags().Required()}, Run: write(http.MethodPatch)},
			{Path: "tag delete", Summary: "Remove the tags of a resource, or a tag name.", Arguments: []argument{id, name}, Confirm: command.Sure, Run: write(http.MethodDelete)},
		},
	}
}

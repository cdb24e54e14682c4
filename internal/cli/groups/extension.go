package groups

import (
	"context"

	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/value"
)

// extensionGroup answers scripts that install extensions first: the commands of
// aks-preview are built in.
func extensionGroup() command.Table {
	name := arg("--name -n", "Name of the extension.").Required()
	installed := func(c *command.Call) *value.Object {
		return value.NewObject("experimental", false, "extensionType", "whl", "name", "aks-preview", "path", c.Program.Name, "preview", true, "version", builtInExtension)
	}
	known := func(c *command.Call) error {
		if c.Get("name") == "aks-preview" {
			return nil
		}
		return command.Usage("No matching extensions for '%s'. Use --debug for more information.", c.Get("name"))
	}
	return command.Table{
		Groups: []command.Group{{Path: "extension", Summary: "Extensions; aks-preview is built in."}},
		Commands: []*command.Command{
			{Path: "extension list", Summary: "List the extensions.", Run: func(_ context.Context, c *command.Call) (any, error) { return []any{installed(c)}, nil }},
			{Path: "extension show", Summary: "Show an extension.", Arguments: []argument{name}, Run: func(_ context.Context, c *command.Call) (any, error) {
				if c.Get("name") != "aks-preview" {
					return nil, command.Usage("The extension %s is not installed.", c.Get("name"))
				}
				return installed(c), nil
			}},
			{
				Path: "extension add", Summary: "Add an extension.", Arguments: []argument{name, flag("--upgrade -U", "Update it when it is there."), flag("--yes -y", "Don't ask for confirmation."), arg("--version", "Version.")},
				Run: func(_ context.Context, c *command.Call) (any, error) {
					if err := known(c); err != nil {
						return nil, err
					}
					c.Warn("Extension 'aks-preview' %s is already installed.", builtInExtension)
					return nil, nil
				},
			},
			{
				Path: "extension update", Summary: "Update an extension.", Arguments: []argument{name},
				Run: func(_ context.Context, c *command.Call) (any, error) {
					if err := known(c); err != nil {
						return nil, err
					}
					c.Warn("No updates available for 'aks-preview'. Use --debug for more information.")
					return nil, nil
				},
			},
			{Path: "extension remove", Summary: "Remove an extension.", Arguments: []argument{name}, Run: func(_ context.Context, c *command.Call) (any, error) {
				return nil, command.Usage("The extension %s is built in and can't be removed.", c.Get("name"))
			}},
		},
	}
}

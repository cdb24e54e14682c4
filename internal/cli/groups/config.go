package groups

import (
	"context"
	"strings"

	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/grammar"
	"github.com/lanyard-project/lanyard/internal/cli/login"
	"github.com/lanyard-project/lanyard/internal/cli/value"
)

func configGroup() command.Table {
	local := flag("--local", "The settings of this folder instead of the user's; they aren't kept apart here.")
	return command.Table{
		Groups: []command.Group{{Path: "config", Summary: "Settings, such as the default resource group."}},
		Commands: []*command.Command{
			{
				Path: "config set", Summary: "Set settings.",
				Arguments: []argument{list("key_value", "section.name=value, separated by spaces.").Required(), local},
				Examples: []command.Example{
					{Title: "Set the default resource group and location.", Line: "lanyard config set defaults.group=MyResourceGroup defaults.location=westus2"},
					{Title: "Print tables.", Line: "lanyard config set core.output=table"},
				},
				Run: func(_ context.Context, c *command.Call) (any, error) {
					for _, word := range c.List("key_value") {
						key, v, ok := strings.Cut(word, "=")
						section, name, dotted := strings.Cut(key, ".")
						if !ok || !dotted {
							return nil, command.Usage("usage error: [section].[name]=[value] ...")
						}
						if err := setSetting(c, section, name, v); err != nil {
							return nil, err
						}
					}
					return nil, nil
				},
			},
			{
				Path: "config get", Summary: "Show settings.",
				Arguments: []argument{arg("key", "section or section.name; all when it is left out.").Of(grammar.Optional), local},
				Run:       getSettings,
			},
			{
				Path: "config unset", Summary: "Forget settings.",
				Arguments: []argument{list("key", "section.name, separated by spaces.").Required(), local},
				Run: func(_ context.Context, c *command.Call) (any, error) {
					s, err := c.Folder().Settings()
					if err != nil {
						return nil, err
					}
					for _, key := range c.List("key") {
						section, name, _ := strings.Cut(key, ".")
						s.Unset(section, name)
					}
					return nil, c.Folder().SaveSettings(s)
				},
			},
		},
	}
}

func setSetting(c *command.Call, section, name, v string) error {
	s, err := c.Folder().Settings()
	if err != nil {
		return err
	}
	s.Set(section, name, v)
	return c.Folder().SaveSettings(s)
}

func getSettings(_ context.Context, c *command.Call) (any, error) {
	s, err := c.Folder().Settings()
	if err != nil {
		return nil, err
	}
	section, name, one := strings.Cut(c.Get("key"), ".")
	document := func(x login.Setting) any {
		return value.NewObject("name", x.Name, "source", c.Folder().SettingsPath(), "value", x.Value)
	}
	of := func(section string) []any {
		all := []any{}
		for _, x := range s.In(section) {
			all = append(all, document(x))
		}
		return all
	}
	if one {
		for _, x := range s.In(section) {
			if strings.EqualFold(x.Name, name) {
				return document(x), nil
			}
		}
		return nil, command.Usage("Configuration '%s.%s' is not set.", section, name)
	}
	if section != "" {
		return of(section), nil
	}
	all := value.NewObject()
	for _, section := range s.Sections() {
		all.Set(section, of(section))
	}
	return all, nil
}

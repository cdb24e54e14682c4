package groups

import (
	"context"
	"runtime"

	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/value"
)

// azVersion is the az whose behaviour this is. Scripts ask for it.
const azVersion = "2.45.0"

func versionCommand() command.Table {
	return command.Table{Commands: []*command.Command{{
		Path: "version", Summary: "Show the versions of this program and of the az that it is compatible with.",
		Run: func(_ context.Context, c *command.Call) (any, error) {
			return value.NewObject("azure-cli", azVersion, "extensions", value.NewObject("aks-preview", builtInExtension), "go", runtime.Version(), "lanyard", c.Program.Version), nil
		},
	}}}
}

// builtInExtension is the version of aks-preview whose commands are built in.
const builtInExtension = "0.5.130"

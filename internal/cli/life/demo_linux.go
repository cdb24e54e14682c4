package life

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/grammar"
	"github.com/lanyard-project/lanyard/internal/cli/local"
	"github.com/lanyard-project/lanyard/internal/cli/story"
)

func demoCommand() command.Table {
	return command.Table{Commands: []*command.Command{{
		Path: "demo", Summary: "Tell the main job, from an empty machine to a pod that uses its identity.",
		Arguments: append(cloudArguments(),
			grammar.Arg("--chart", "Helm chart of mic and nmi.").Or("charts/lanyard"),
			grammar.Flag("--keep", "Leave everything running."),
			grammar.Flag("--kill-during-create", "End lanyardd with SIGKILL while the cluster is created, and start it again.")),
		Examples: []command.Example{
			{Title: "Tell the story and take everything down.", Line: "lanyard demo"},
			{Title: "Leave it running and say how to look around.", Line: "lanyard demo --keep"},
		},
		Run: func(ctx context.Context, c *command.Call) (any, error) {
			cloud, err := ready(ctx, c)
			if err != nil {
				return nil, err
			}
			release, err := cloud.Claim()
			if err != nil {
				return nil, err
			}
			defer release()
			started := time.Now()
			err = story.Run(ctx, story.Options{
				Cloud: cloud, ChartDir: c.Get("chart"), Keep: c.On("keep"), KillDuringCreate: c.On("kill-during-create"),
				Narrator: &story.Narrator{Out: c.Program.Out, Color: c.Program.Color},
			})
			verdict := "every step is as it should be"
			if err != nil {
				verdict = "the story ended early"
			}
			fmt.Fprintf(c.Program.Out, "\n%s (%.0f s)\n", verdict, time.Since(started).Seconds())
			if err != nil {
				return nil, command.ExitStatus(1)
			}
			return nil, nil
		},
	}}}
}

func downCommand() command.Table {
	return command.Table{Commands: []*command.Command{{
		Path: "down", Summary: "Stop the cloud on this machine with its clusters and remove its state.",
		Arguments: cloudArguments(),
		Run: func(ctx context.Context, c *command.Call) (any, error) {
			cloud, err := cloudOf(c)
			if err != nil {
				return nil, err
			}
			if err := errors.Join(cloud.Down(ctx), removeProfiles(cloud.Dir)); err != nil {
				return nil, err
			}
			fmt.Fprintln(c.Program.Out, "everything is down")
			return nil, nil
		},
	}}}
}

// ready checks the machine and the programs before anything is started.
func ready(ctx context.Context, c *command.Call) (*local.Cloud, error) {
	cloud, err := cloudOf(c)
	if err != nil {
		return nil, err
	}
	if err := local.Preflight(ctx, c.Program.Out); err != nil {
		return nil, err
	}
	return cloud, local.CheckPrograms(cloud.Build)
}

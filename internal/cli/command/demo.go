package command

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/lanyard-project/lanyard/internal/cli/local"
	"github.com/lanyard-project/lanyard/internal/cli/story"
)

func demoCommand() *cobra.Command {
	var flags cloudFlags
	var chart string
	var keep, kill bool
	c := &cobra.Command{
		Use:   "demo",
		Short: "Tell the main job, from an empty machine to a pod that uses its identity",
		Example: `  lanyard demo           # tells the story and takes everything down
  lanyard demo --keep    # leaves it running and says how to look around`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cloud, err := ready(c, flags)
			if err != nil {
				return err
			}
			release, err := cloud.Claim()
			if err != nil {
				return err
			}
			defer release()
			started := time.Now()
			err = story.Run(c.Context(), story.Options{
				Cloud: cloud, ChartDir: chart, Keep: keep, KillDuringCreate: kill,
				Narrator: &story.Narrator{Out: c.OutOrStdout(), Color: isTerminal(c.OutOrStdout())},
			})
			verdict := "every step is as it should be"
			if err != nil {
				verdict = "the story ended early"
			}
			fmt.Fprintf(c.OutOrStdout(), "\n%s (%.0f s)\n", verdict, time.Since(started).Seconds())
			if err != nil {
				return errTold
			}
			return nil
		},
	}
	flags.register(c)
	c.Flags().StringVar(&chart, "chart", "charts/lanyard", "Helm chart of mic and nmi")
	c.Flags().BoolVar(&keep, "keep", false, "leave everything running")
	c.Flags().BoolVar(&kill, "kill-during-create", false, "end lanyardd with SIGKILL while the cluster is created, and start it again")
	return c
}

func downCommand() *cobra.Command {
	var flags cloudFlags
	c := &cobra.Command{
		Use:   "down",
		Short: "Stop the local cloud with its clusters and remove its state",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cloud, err := flags.cloud()
			if err != nil {
				return err
			}
			if err := cloud.Down(c.Context()); err != nil {
				return err
			}
			fmt.Fprintln(c.OutOrStdout(), "everything is down")
			return nil
		},
	}
	flags.register(c)
	return c
}

// ready checks the machine and the programs before anything is started.
func ready(c *cobra.Command, flags cloudFlags) (*local.Cloud, error) {
	cloud, err := flags.cloud()
	if err != nil {
		return nil, err
	}
	if err := local.Preflight(c.Context(), c.OutOrStdout()); err != nil {
		return nil, err
	}
	return cloud, local.CheckPrograms(cloud.Build)
}

// isTerminal reports whether a person reads the output as it comes.
func isTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

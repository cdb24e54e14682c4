package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/keys"
	"github.com/lanyard-project/lanyard/internal/movable"
	"github.com/lanyard-project/lanyard/internal/seal"
	"github.com/lanyard-project/lanyard/internal/store/etcdserver"
)

// keysCommand works on the keys that sign tokens, while lanyardd runs: it follows
// them in the store.
func keysCommand() *cobra.Command {
	var c config
	command := &cobra.Command{
		Use:   "keys",
		Short: "List the keys that sign tokens, let the next one sign, or take a compromised one out of use",
		Long: `List the keys that sign tokens, let the next one sign, or take a compromised one out of use.

lanyardd rotates them by itself: each signs for 45 days, is published a day before and stays so until its last token has
expired. These commands work on the data folder of a lanyardd that runs, which follows within a second.`,
	}
	c.folders(command.PersistentFlags())
	c.externalEtcd(command.PersistentFlags())
	ring := func(ctx context.Context, work func(*keys.Ring, time.Time) error) error {
		if err := c.absolute(); err != nil {
			return err
		}
		return withKeys(ctx, c, work)
	}
	command.AddCommand(&cobra.Command{
		Use: "list", Short: "List the keys, the oldest first, and which of them signs", Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			return ring(command.Context(), func(r *keys.Ring, now time.Time) error {
				return listKeys(command.Context(), r, now, command.OutOrStdout())
			})
		},
	}, &cobra.Command{
		Use: "rotate", Short: "Let the next key sign from now on, or from when it has been published for a day; no token dies", Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			return ring(command.Context(), func(r *keys.Ring, now time.Time) error {
				next, err := r.Rotate(command.Context())
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(command.OutOrStdout(), "key %s signs %s\n", next.ID, since(next.SignFrom, now))
				return err
			})
		},
	}, &cobra.Command{
		Use: "drop KEY", Short: "Take a compromised key out of use at once: every token that it signed is refused from now on", Args: cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			return ring(command.Context(), func(r *keys.Ring, now time.Time) error {
				if err := r.Drop(command.Context(), args[0]); err != nil {
					return fmt.Errorf("%w: lanyardd keys list names the keys", err)
				}
				_, err := fmt.Fprintf(command.OutOrStdout(), "key %s is out of use; key %s signs\n", args[0], r.Signing().ID)
				return err
			})
		},
	})
	return command
}

func withKeys(ctx context.Context, c config, work func(*keys.Ring, time.Time) error) error {
	state, err := openRunning(ctx, c)
	if errors.Is(err, etcdserver.ErrNotRunning) {
		return fmt.Errorf("%w for %s: start lanyardd, whose keys these are", err, c.dataDir)
	} else if err != nil {
		return err
	}
	defer state.Close()
	box, err := seal.Load(filepath.Join(c.dataDir, "master.key"))
	if err != nil {
		return err
	}
	// A clock that was moved is as far ahead here; one that never was is the machine's.
	var clk clock.WithTicker
	if clk, err = movable.Open(filepath.Join(c.dataDir, "clock")); err != nil {
		return err
	}
	ring, err := keys.Open(ctx, keys.Options{Store: state, Box: box, Clock: clk, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	return work(ring, clk.Now())
}

func listKeys(ctx context.Context, r *keys.Ring, now time.Time, out io.Writer) error {
	listed, err := r.List(ctx)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "KEY\tSTATE\tSIGNS")
	for _, k := range listed {
		state := "signed before"
		switch {
		case k.ID == r.Signing().ID:
			state = "signs"
		case k.SignFrom.After(now):
			state = "published"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\n", k.ID, state, since(k.SignFrom, now))
	}
	return table.Flush()
}

func since(from, now time.Time) string {
	if from.After(now) {
		return "from " + from.UTC().Format(time.RFC3339) + " on"
	}
	return "since " + from.UTC().Format(time.RFC3339)
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/lanyard-project/lanyard/internal/store/etcdserver"
)

func teardownCommand() *cobra.Command {
	var c config
	command := &cobra.Command{
		Use:   "teardown",
		Short: "End every cluster and etcd of a data folder and remove what they left; lanyardd has to be stopped",
		Args:  cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := c.absolute(); err != nil {
				return err
			}
			return teardown(command.Context(), c)
		},
	}
	c.folders(command.Flags())
	return command
}

// teardown leaves no process, namespace, mount or file of the data folder. It
// can be repeated, and needs nothing but the two folders.
func teardown(ctx context.Context, c config) error {
	if _, err := os.Stat(c.dataDir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	unlock, err := lockDataDir(ctx, c.dataDir, lockPatience)
	if err != nil {
		return err
	}
	defer unlock()
	if err := claimRunDir(c.runDir, c.dataDir); err != nil {
		return err
	}
	if err := teardownMachinery(ctx, c); err != nil {
		return err
	}
	if err := etcdserver.StopRunning(ctx, etcdDir(c), etcdRunDir(c)); err != nil {
		return fmt.Errorf("ending etcd: %w", err)
	}
	if err := os.RemoveAll(c.runDir); err != nil {
		return err
	}
	return os.RemoveAll(c.dataDir)
}

func clustersDir(c config) string { return filepath.Join(c.dataDir, "clusters") }
func etcdDir(c config) string     { return filepath.Join(c.dataDir, "etcd") }

// clustersRunDir ends in a name that is unique on the machine: the engine names
// its cgroup after it.
func clustersRunDir(c config) string { return filepath.Join(c.runDir, filepath.Base(c.runDir)) }
func etcdRunDir(c config) string     { return filepath.Join(c.runDir, "etcd") }

package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/lanyard-project/lanyard/internal/cli/local"
)

// errTold is an error that the user has already read.
var errTold = errors.New("told already")

// Run executes one command line and returns the exit status.
func Run(args []string, out, errOut io.Writer) int {
	// Ctrl-C and an ordinary kill take down what was started; a second one ends
	// the program at once, as the default does.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	context.AfterFunc(ctx, stop)

	root := &cobra.Command{
		Use:           "lanyard",
		Short:         "Managed identities for Kubernetes, on this machine",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(errOut)
	root.AddCommand(demoCommand(), downCommand())
	if err := root.ExecuteContext(ctx); err != nil {
		if !errors.Is(err, errTold) {
			fmt.Fprintf(errOut, "ERROR: %v\n", err)
		}
		return 1
	}
	return 0
}

// cloudFlags are the flags that name a cloud on this machine.
type cloudFlags struct{ dir, build, listen string }

func (f *cloudFlags) register(c *cobra.Command) {
	c.Flags().StringVar(&f.dir, "dir", "build/demo", "folder for all state")
	c.Flags().StringVar(&f.build, "build-dir", "build", "folder of the programs that make built")
	c.Flags().StringVar(&f.listen, "listen", "127.0.0.1:8443", "loopback address of ARM and the token service")
}

func (f *cloudFlags) cloud() (*local.Cloud, error) {
	dir, err := filepath.Abs(f.dir)
	if err != nil {
		return nil, err
	}
	build, err := filepath.Abs(f.build)
	if err != nil {
		return nil, err
	}
	return &local.Cloud{Dir: dir, Build: build, Listen: f.listen}, nil
}

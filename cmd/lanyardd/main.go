// Command lanyardd is the identity cloud: Azure Resource Manager, the Entra
// token service, instance metadata and the AKS provider in one program, with
// real Kubernetes clusters behind it.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/lanyard-project/lanyard/internal/store/etcdserver"
)

func main() {
	// The program re-executes itself: as the first process of a node or control
	// plane, and as etcd.
	initMachinery()
	leaveGarbage()
	if len(os.Args) > 1 && os.Args[1] == etcdserver.Command {
		os.Exit(etcdserver.Main(os.Args[2:]))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := &cobra.Command{
		Use:           "lanyardd",
		Short:         "An Azure-compatible identity cloud for Kubernetes",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.AddCommand(serveCommand(), teardownCommand(), backupCommand(), restoreCommand(), keysCommand())
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "lanyardd: %v\n", err)
		os.Exit(1)
	}
}

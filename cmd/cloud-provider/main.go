// Command cloud-provider is the cloud's part of a cluster: the cloud controller
// manager beside the API server, and the CSI driver of managed disks on each node.
// lanyardd starts both.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"k8s.io/klog/v2"

	"github.com/lanyard-project/lanyard/internal/cloudprovider"
	"github.com/lanyard-project/lanyard/internal/cloudprovider/csinode"
	"github.com/lanyard-project/lanyard/internal/cloudprovider/settings"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	slog.SetDefault(log)
	klog.SetSlogLogger(log)
	root := &cobra.Command{
		Use: "cloud-provider", Short: "The cloud's part of a cluster", SilenceErrors: true, SilenceUsage: true,
	}
	root.AddCommand(controllerManager(), diskNode(log))
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil, errors.Is(err, context.Canceled):
	case errors.Is(err, settings.ErrChanged), errors.Is(err, settings.ErrRefused):
		log.Info("ending, to be started again", "why", err)
	default:
		fmt.Fprintf(os.Stderr, "cloud-provider: %v\n", err)
		os.Exit(1)
	}
}

func diskNode(log *slog.Logger) *cobra.Command {
	var node string
	c := &cobra.Command{
		Use: "disk-node", Short: "Serve the kubelet of this node as the CSI driver of managed disks until stopped", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return csinode.Serve(c.Context(), node, log) },
	}
	c.Flags().StringVar(&node, "node", "", "name of the node")
	return c
}

func controllerManager() *cobra.Command {
	var o cloudprovider.Options
	c := &cobra.Command{
		Use: "controller-manager", Short: "Run the cloud controller manager until stopped", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return cloudprovider.Run(c.Context(), o) },
	}
	c.Flags().StringVar(&o.Kubeconfig, "kubeconfig", "", "file that says where the API server is, and who this is to it")
	c.Flags().StringVar(&o.CloudConfig, "cloud-config", "/etc/kubernetes/azure.json", "file that says where the nodes are, and how to sign in to ARM")
	c.Flags().StringVar(&o.IdentitySocket, "identity-socket", "", "socket with the tokens of the control plane's managed identity; empty: the instance metadata service")
	c.Flags().StringVar(&o.ClusterName, "cluster-name", "kubernetes", "name of the load balancer of public addresses")
	return c
}

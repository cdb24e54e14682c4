// Command kube is every Kubernetes program, and etcd, in one file. The name it
// is called by (a symlink beside it) or else its first argument says which one
// it is, so that one link step and one set of pages in memory serve them all
// while each still runs as a process of its own.
//
// The programs are upstream's, unmodified: this file only chooses between
// their own command constructors.
package main

import (
	"context"
	"os"
	_ "time/tzdata" // CronJobs name time zones and the node may have no zone files

	"github.com/lanyard-project/lanyard/kube/multicall"
	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	kubectl "k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"

	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

func programs() map[string]multicall.Program {
	return map[string]multicall.Program{
		"etcd": func(args []string) int {
			etcdmain.Main(args) // exits by itself on an error
			return 0
		},
		"kube-apiserver":          command(apiserver.NewAPIServerCommand),
		"kube-controller-manager": command(controllermanager.NewControllerManagerCommand),
		"kube-scheduler":          command(func() *cobra.Command { return scheduler.NewSchedulerCommand() }),
		"kube-proxy":              command(proxy.NewProxyCommand),
		"kubelet":                 command(kubeletOf(kubelet.NewKubeletCommand)),
		"kubectl": func(args []string) int {
			os.Args = args
			if err := cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()); err != nil {
				util.CheckErr(err) // pretty-prints the error and exits
			}
			return 0
		},
	}
}

// kubeletOf takes the kubelet's constructor, which has a context since 1.34. The
// kubelet installs its own signal handling on it, so it gets the plain background
// one, as upstream's main.
func kubeletOf(construct any) func() *cobra.Command {
	if withContext, ok := construct.(func(context.Context) *cobra.Command); ok {
		return func() *cobra.Command { return withContext(context.Background()) }
	}
	return construct.(func() *cobra.Command)
}

// command defers a constructor until its program was chosen: constructors
// register flags, metrics and feature gates that are shared by the process.
func command(construct func() *cobra.Command) multicall.Program {
	return func(args []string) int {
		// cobra and the flag packages read the process's own argument list.
		os.Args = args
		return cli.Run(construct())
	}
}

func main() {
	all := programs()
	run, args, ok := multicall.Choose(all, os.Args)
	if !ok {
		multicall.Usage(os.Stderr, all)
		os.Exit(2)
	}
	os.Exit(run(args))
}

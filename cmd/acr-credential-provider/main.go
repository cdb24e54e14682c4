// Acr-credential-provider gives a kubelet passwords for container registries of
// Azure's kind, as the node's own identity:
//
//	acr-credential-provider /etc/kubernetes/azure.json                   what the kubelet runs
//	acr-credential-provider check [-v6] LOGIN_SERVER                     what az aks check-acr runs in a pod
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/imagepull"
)

const (
	azureJSON = "/etc/kubernetes/azure.json"
	// limit is less than the minute that a kubelet waits.
	limit = 50 * time.Second
	// attachTime is what kubectl needs until it sees a pod's output.
	attachTime = 3 * time.Second
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "acr-credential-provider:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	check := len(args) > 0 && args[0] == "check"
	if check {
		args = args[1:]
	}
	// Azure's canipull is started with -v6, its verbosity.
	args = slices.DeleteFunc(args, func(a string) bool { return strings.HasPrefix(a, "-v") })
	file := azureJSON
	switch {
	case check && len(args) != 1:
		return fmt.Errorf("usage: acr-credential-provider check LOGIN_SERVER")
	case !check && len(args) > 1:
		return fmt.Errorf("usage: acr-credential-provider [FILE]; the file is the node's azure.json")
	case !check && len(args) == 1:
		file = args[0]
	}
	config, err := imagepull.ReadCloudConfig(file)
	if err != nil {
		return err
	}
	node := imagepull.Node{Config: config, Metadata: imagepull.MetadataService, Client: imagepull.NewClient(limit), Clock: clock.RealClock{}}
	if check {
		// az shows what is printed while its kubectl is attached, which takes a moment.
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(attachTime):
		}
		// What was found is said, and that it was found is no failure: as Azure's canipull has it.
		imagepull.Check(ctx, os.Stdout, node, net.DefaultResolver, args[0])
		return nil
	}
	return imagepull.Answer(ctx, os.Stdin, os.Stdout, node)
}

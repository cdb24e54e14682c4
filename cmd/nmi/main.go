// Command nmi is Lanyard's node agent: it stands between a node's pods and the metadata service, proves which pod asks and
// gives it tokens for exactly the identities that are assigned to it.
//
// "nmi rules" installs the redirect and ends; run as an init container, it makes sure that pods are refused from then on,
// whatever becomes of the agent. "nmi remove-rules" takes it away again.
//
// "nmi probe" is a pod that asks, for the agents' self-test, and with --once for helm test. "nmi token" asks for a token
// beside a pod, for kubectl lanyard token. "nmi untaint" runs once in a cluster and takes the startup taint off nodes whose
// agent is ready.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/node/agent"
	"github.com/lanyard-project/lanyard/internal/node/probe"
)

func main() {
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		go spendMemory()
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stderr)
	stop()
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
	default:
		fmt.Fprintln(os.Stderr, "nmi:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, arguments []string, output io.Writer) error {
	command := ""
	if len(arguments) > 0 && slices.Contains([]string{"rules", "remove-rules", "probe", "token", "untaint"}, arguments[0]) {
		command, arguments = arguments[0], arguments[1:]
	}
	switch command {
	case "untaint":
		return untaintNodes(ctx, arguments, output)
	case "token":
		return askToken(ctx, arguments, os.Stdout, output)
	}
	options, err := parse(arguments, output)
	if err != nil {
		return err
	}
	if options.version {
		fmt.Fprintln(output, "nmi", version())
		return nil
	}
	log := slog.New(slog.NewJSONHandler(output, nil))
	for _, warning := range options.warnings {
		log.Warn("obsolete flag", "explanation", warning)
	}
	switch command {
	case "rules":
		return agent.InstallRules(options.config, log)
	case "remove-rules":
		return agent.RemoveRules(options.config, log)
	case "probe":
		p := &probe.Probe{URL: "http://" + options.config.Metadata.String(), Clock: clock.RealClock{}, Log: log}
		if options.once > 0 {
			return p.Once(ctx, options.once)
		}
		p.Run(ctx)
		return nil
	default:
		return agent.Run(ctx, options.config, log, output)
	}
}

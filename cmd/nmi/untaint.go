package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"log/slog"

	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/node/kube"
	"github.com/lanyard-project/lanyard/internal/node/untaint"
)

// untaintNodes takes the startup taint off nodes whose agent is ready.
func untaintNodes(ctx context.Context, arguments []string, output io.Writer) error {
	var api kube.Config
	var config untaint.Config
	var namespace string
	set := flag.NewFlagSet("nmi untaint", flag.ContinueOnError)
	set.SetOutput(output)
	set.StringVar(&config.Taint, "taint", "", "key of the taint to take off")
	set.StringVar(&namespace, "namespace", "", "namespace of nmi's pods")
	set.StringVar(&config.Agents.LabelSelector, "selector", "", "label selector of nmi's pods")
	set.StringVar(&api.Server, "kube-api", "", "URL of the API server; empty for the cluster's own")
	set.StringVar(&api.TokenFile, "kube-token-file", "", "file of the service account's token; empty for the pod's own")
	set.StringVar(&api.CAFile, "kube-ca-file", "", "file of the API server's certificate authority; empty for the pod's own")
	if err := set.Parse(arguments); err != nil {
		return err
	}
	if config.Taint == "" || namespace == "" || config.Agents.LabelSelector == "" {
		return errors.New("nmi untaint needs --taint, --namespace and --selector")
	}
	config.Agents.Path = "/api/v1/namespaces/" + namespace + "/pods"
	client, err := kube.NewClient(api, clock.RealClock{})
	if err != nil {
		return err
	}
	log := slog.New(slog.NewJSONHandler(output, nil))
	(&untaint.Untaint{Client: client, Config: config, Clock: clock.RealClock{}, Log: log}).Run(ctx)
	return nil
}

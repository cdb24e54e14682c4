// Command mic is the controller of standard mode: it gives pods the identities
// that bindings say, and puts these on the scale sets that the pods run on.
//
// It runs in the cluster as a Deployment of one or more replicas, of which one
// works at a time. Its flags are those of aad-pod-identity's mic where they
// still mean something; see flags.go.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/lanyard-project/lanyard/internal/cluster"
	"github.com/lanyard-project/lanyard/internal/cluster/cloudconfig"
	"github.com/lanyard-project/lanyard/internal/cluster/scaleset"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "mic:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	f, ignored, err := parse(args, os.Stderr)
	if err != nil {
		return err
	}
	if f.version {
		fmt.Println(version())
		return nil
	}
	logger := slog.New(f.logHandler(os.Stderr))
	log.SetLogger(logr.FromSlogHandler(logger.Handler()))
	klog.SetSlogLogger(logger)
	if len(ignored) > 0 {
		logger.Warn("flags of aad-pod-identity that have no meaning here", "ignored", ignored)
	}

	config, err := clientcmd.BuildConfigFromFlags("", f.kubeconfig)
	if err != nil {
		return fmt.Errorf("finding the API server: %w", err)
	}
	config.UserAgent = userAgent(f.customUserAgent)
	config.QPS, config.Burst = -1, 0 // the API server's own fairness is limit enough
	if f.clientQPS > 0 {
		config.QPS, config.Burst = float32(f.clientQPS), max(1, int(f.clientQPS))
	}
	options, err := f.options(logger)
	if err != nil {
		return err
	}
	mic, err := cluster.New(ctx, config, options)
	if err != nil {
		return err
	}
	logger.Info("mic starts", "version", version())
	return runUntil(ctx, mic.Start)
}

// endTime is how long mic takes at most to hand over when it is told to end.
const endTime = 20 * time.Second

// runUntil runs something that ends with its context, and goes without it if it
// doesn't: a manager whose caches can't be filled, because the API server is
// away, waits for them even then.
func runUntil(ctx context.Context, start func(context.Context) error) error {
	done := make(chan error, 1)
	go func() { done <- start(ctx) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-done:
		return err
	case <-time.After(endTime):
		return fmt.Errorf("mic hasn't come to its end within %v", endTime)
	}
}

func (f *flags) readCloudConfig() (*cloudconfig.Config, error) {
	if f.cloudConfig == "" {
		return cloudconfig.FromEnvironment(os.Getenv)
	}
	return cloudconfig.Read(f.cloudConfig, os.Getenv)
}

// options turns flags and cloud config into what mic needs.
func (f *flags) options(logger *slog.Logger) (cluster.Options, error) {
	config, err := f.readCloudConfig()
	if err != nil {
		return cluster.Options{}, err
	}
	endpoints, err := config.Endpoints()
	if err != nil {
		return cluster.Options{}, err
	}
	credential, err := config.Credential(endpoints)
	if err != nil {
		return cluster.Options{}, err
	}
	c := clock.RealClock{}
	client := scaleset.NewARM(credential, arm.ClientOptions{ClientOptions: azcore.ClientOptions{
		Cloud:     endpoints,
		Telemetry: policy.TelemetryOptions{ApplicationID: "lanyard-mic"},
	}}, c)
	return cluster.Options{
		Azure:           client,
		SignedInAs:      config.ClientID(),
		Protected:       scaleset.NewProtected(append(f.immutable(), config.ClientID())...),
		ForceNamespaced: f.forceNamespaced,
		KeepCompleted:   f.keepCompleted,
		Linger:          f.linger,
		Spacing:         f.spacing,
		DriftInterval:   f.driftInterval,
		Backoff:         f.backoff,
		MostBackoff:     max(f.backoff, mostBackoff),
		Resync:          f.resync,
		Writers:         max(1, f.writers),
		Broker:          f.brokerOptions(config, endpoints),
		Webhook:         f.webhook(),
		Election:        f.election(),
		ProbeAddress:    ":" + f.probePort,
		MetricsAddress:  ":" + f.metricsPort,
		Metrics:         metrics.Registry,
		Log:             logger,
		Clock:           c,
	}, nil
}

// brokerOptions turns flags and cloud config into what the broker needs.
func (f *flags) brokerOptions(config *cloudconfig.Config, endpoints cloud.Configuration) cluster.Broker {
	b := f.broker
	if b.port == "" {
		return cluster.Broker{}
	}
	namespace, name, _ := strings.Cut(b.configMap, "/")
	options := cluster.Broker{
		Alone: b.alone, Address: ":" + b.port, ConfigMap: types.NamespacedName{Namespace: namespace, Name: name},
		Pod: os.Getenv("POD_NAME"), Agent: b.agent, Cloud: endpoints, TenantID: config.TenantID,
	}
	if b.advertise != "" {
		options.Advertise = net.JoinHostPort(b.advertise, b.port)
	}
	if b.authorities != "" {
		options.Authorities = strings.Split(b.authorities, ",")
	}
	return options
}

func (f *flags) webhook() cluster.Webhook {
	if f.webhookPort == "" {
		return cluster.Webhook{}
	}
	pod := os.Getenv("POD_NAME")
	if host, err := os.Hostname(); pod == "" && err == nil {
		pod = host
	}
	return cluster.Webhook{Address: ":" + f.webhookPort, Configuration: f.webhookConfiguration, Pod: pod}
}

func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}

func userAgent(custom string) string {
	agent := "lanyard-mic/" + version()
	if custom != "" {
		agent += " " + custom
	}
	return agent
}

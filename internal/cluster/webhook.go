package cluster

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/lanyard-project/lanyard/internal/cluster/admission"
	"github.com/lanyard-project/lanyard/internal/cluster/assign"
	"github.com/lanyard-project/lanyard/internal/cluster/match"
)

// Webhook are the settings of the part of mic that API servers ask before they
// store an identity or a binding. It needs the right to get and patch the
// configuration.
type Webhook struct {
	// Address is where to listen; empty is nowhere: there is no webhook.
	Address string
	// Configuration is the name of the ValidatingWebhookConfiguration, which names
	// the Service or URL by which API servers ask.
	Configuration string
	// Pod is this replica's name.
	Pod string
}

// addWebhook lets every replica answer, whoever is the leader, and returns
// whether this one can, or nil if there is no webhook.
func addWebhook(mgr manager.Manager, o Options) (ready func() error, err error) {
	if o.Webhook.Address == "" {
		return nil, nil
	}
	view := func(ctx context.Context) match.View { return assign.NewView(ctx, mgr.GetClient()) }
	handler, err := admission.NewHandler(mgr.GetScheme(), o.rules(), view, logr.FromSlogHandler(o.Log.With("part", "webhook").Handler()))
	if err != nil {
		return nil, err
	}
	w := &webhookServer{address: o.Webhook.Address, handler: handler, log: o.Log, announcer: &admission.Announcer{
		Kube: mgr.GetClient(), Live: mgr.GetAPIReader(), Configuration: o.Webhook.Configuration, Replica: o.Webhook.Pod, Clock: o.Clock,
		Failed: func(err error) { o.Log.Warn("announcing the webhook's certificate failed, trying again", "error", err) },
	}}
	if err := mgr.Add(w); err != nil {
		return nil, fmt.Errorf("adding the webhook: %w", err)
	}
	return w.announcer.Ready, nil
}

// webhookServer runs the webhook in the manager.
type webhookServer struct {
	address   string
	handler   http.Handler
	announcer *admission.Announcer
	log       *slog.Logger
}

// NeedLeaderElection reports that every replica answers.
func (*webhookServer) NeedLeaderElection() bool { return false }

// Start serves until the context ends.
func (w *webhookServer) Start(ctx context.Context) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", w.address)
	if err != nil {
		return fmt.Errorf("listening as the webhook: %w", err)
	}
	announced := make(chan struct{})
	go func() {
		defer close(announced)
		w.announcer.Run(ctx)
	}()
	const patience = 10 * time.Second
	server := &http.Server{
		Handler: w.handler, ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: patience, WriteTimeout: patience, IdleTimeout: 5 * time.Minute,
		MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(w.log.Handler(), slog.LevelDebug),
	}
	err = serve(ctx, server, tls.NewListener(listener, w.announcer.TLS()))
	<-announced
	return err
}

package cluster

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	aadpodid "github.com/lanyard-project/lanyard/api/v1"
	"github.com/lanyard-project/lanyard/internal/brokerapi"
	"github.com/lanyard-project/lanyard/internal/cluster/assign"
	"github.com/lanyard-project/lanyard/internal/cluster/broker"
	"github.com/lanyard-project/lanyard/internal/cluster/match"
	"github.com/lanyard-project/lanyard/internal/door"
)

// Broker are the settings of the part of mic that gets tokens of service
// principals and workload identities for the node agents. It needs rights of its
// own, which the chart gives as far as it is told to: to read secrets of some
// namespaces, to mint service account tokens in some, and to have tokens reviewed.
type Broker struct {
	// Alone leaves out everything else: in managed mode nobody assigns identities,
	// but somebody has to get those that aren't the nodes'.
	Alone bool
	// Address is where to listen; empty is nowhere: there is no broker.
	Address string
	// Advertise is the address that agents are told, host:port; empty is the one
	// that it listens on.
	Advertise string
	// ConfigMap is where agents are told; Pod is this replica's name.
	ConfigMap types.NamespacedName
	Pod       string
	// Agent is the agents' service account, "namespace/name".
	Agent string
	// Cloud and TenantID say where tokens come from; Authorities are further token
	// services that an AzureIdentity may name.
	Cloud       cloud.Configuration
	TenantID    string
	Authorities []string
	// Transport calls the token service; nil is the SDK's own.
	Transport policy.Transporter
}

// followForBroker keeps in the cache what the broker decides on, which otherwise
// the controllers do.
func followForBroker(ctx context.Context, mgr manager.Manager) error {
	if err := assign.IndexBindings(ctx, mgr.GetFieldIndexer()); err != nil {
		return err
	}
	for _, o := range []client.Object{&corev1.Pod{}, &aadpodid.AzureIdentity{}, &aadpodid.AzureIdentityBinding{}} {
		if _, err := mgr.GetCache().GetInformer(ctx, o, cache.BlockUntilSynced(false)); err != nil {
			return fmt.Errorf("following %T: %w", o, err)
		}
	}
	return nil
}

// addBroker lets every replica answer, whoever is the leader: it only reads.
func addBroker(mgr manager.Manager, o Options) error {
	if o.Broker.Address == "" {
		return nil
	}
	nodes, err := client.NewWithWatch(mgr.GetConfig(), client.Options{
		HTTPClient: mgr.GetHTTPClient(), Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper(),
	})
	if err != nil {
		return fmt.Errorf("preparing to read for agents: %w", err)
	}
	handler, err := broker.New(broker.Options{
		Kube: mgr.GetClient(), Live: mgr.GetAPIReader(), Nodes: nodes, Managed: o.Broker.Alone,
		View:  func(ctx context.Context) match.View { return assign.NewView(ctx, mgr.GetClient()) },
		Rules: o.rules(),
		Agent: o.Broker.Agent, Cloud: o.Broker.Cloud, TenantID: o.Broker.TenantID, Authorities: o.Broker.Authorities,
		Transport: o.Broker.Transport, Clock: o.Clock, Log: o.Log.With("part", "broker"),
	})
	if err != nil {
		return fmt.Errorf("setting up the broker: %w", err)
	}
	return mgr.Add(&brokerServer{settings: o.Broker, options: o, handler: handler, manager: mgr})
}

// brokerServer runs the broker in the manager.
type brokerServer struct {
	settings Broker
	options  Options
	handler  *broker.Broker
	manager  manager.Manager
}

// NeedLeaderElection reports that the broker answers on every replica.
func (*brokerServer) NeedLeaderElection() bool { return false }

// brokerConnections bounds those of all addresses.
const brokerConnections = 4096

// Start serves until the context ends.
func (s *brokerServer) Start(ctx context.Context) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", s.settings.Address)
	if err != nil {
		return fmt.Errorf("listening as the broker: %w", err)
	}
	// Every pod of the cluster reaches the broker, and must not take it from the agents; one that was replaced may not have hung up yet.
	listener = door.New(listener, 2*brokerapi.ConnectionsPerNode, brokerConnections)
	address := s.settings.Advertise
	if address == "" {
		address = listener.Addr().String()
	}
	announcer := &broker.Announcer{
		Kube: s.manager.GetClient(), Live: s.manager.GetAPIReader(), ConfigMap: s.settings.ConfigMap, Pod: s.settings.Pod,
		Address: address, Clock: s.options.Clock,
		Failed: func(err error) { s.options.Log.Warn("announcing the broker failed, trying again", "error", err) },
	}
	server := &http.Server{
		Handler: s.handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: time.Minute,
		IdleTimeout: 5 * time.Minute, MaxHeaderBytes: 16 << 10,
		HTTP2:    &http.HTTP2Config{MaxConcurrentStreams: brokerapi.ConnectionsPerNode, SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second},
		ErrorLog: slog.NewLogLogger(s.options.Log.Handler(), slog.LevelDebug),
	}
	server.RegisterOnShutdown(s.handler.HangUp)
	announced := make(chan struct{})
	go func() {
		defer close(announced)
		announcer.Run(ctx)
	}()
	err = serve(ctx, server, tls.NewListener(listener, announcer.TLS()))
	<-announced
	return err
}

package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"
	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/imds"
	"github.com/lanyard-project/lanyard/internal/node/assignments"
	"github.com/lanyard-project/lanyard/internal/node/attest"
	"github.com/lanyard-project/lanyard/internal/node/grant"
	"github.com/lanyard-project/lanyard/internal/node/kube"
	"github.com/lanyard-project/lanyard/internal/node/notice"
	"github.com/lanyard-project/lanyard/internal/node/pods"
	"github.com/lanyard-project/lanyard/internal/node/serve"
	"github.com/lanyard-project/lanyard/internal/node/snapshot"
	"github.com/lanyard-project/lanyard/internal/node/source"
	"github.com/lanyard-project/lanyard/internal/node/tokencache"
	"github.com/lanyard-project/lanyard/internal/node/wire"
)

// Run is the agent's life: log is for its own doings, audit takes the record of every request. It returns when the context
// ends, or with what made it impossible to go on.
func Run(ctx context.Context, c Config, log *slog.Logger, audit io.Writer) error {
	if err := c.Validate(); err != nil {
		return err
	}
	bindings, err := openRules(c, log) // before anything else: fail closed
	if err != nil {
		return err
	}
	journal := serve.NewJournal(audit, clock.RealClock{})
	defer journal.Flush()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return journal.Run(ctx) })
	group.Go(func() error { confirm(ctx, clock.RealClock{}, bindings, log); return nil })
	parts, err := assemble(ctx, c, bindings, log, slog.New(slog.NewJSONHandler(journal, nil)).With("log", "audit"))
	if err != nil {
		return err
	}
	proven, err := attest.Listen(ctx, netip.AddrPortFrom(c.Agent, c.Port), c.Hops)
	if err != nil {
		return err
	}
	strangers, err := attest.Listen(ctx, netip.AddrPortFrom(c.Agent, c.StrangerPort), c.Hops)
	if err != nil {
		return err
	}
	grouped, err := listenByGroup(ctx, c, parts.sandboxes)
	if err != nil {
		return err
	}
	for _, port := range []struct {
		handler  wire.Handler
		most     serve.Crowd
		listener net.Listener
	}{
		{parts.proven, serve.Crowd{PerOrigin: 128, InAll: 8192}, proven},
		{parts.proven, serve.Crowd{PerOrigin: 128, InAll: 8192}, grouped},
		{parts.stranger, serve.Crowd{PerOrigin: 64, InAll: 1024}, strangers},
	} {
		answerOn(ctx, group, serve.NewServer(port.handler, port.most, parts.sandboxes.At, parts.metrics, clock.RealClock{}, log), port.listener)
	}
	if err := listenOn(ctx, group, c.Probe, mostProbers, serve.Health(parts.checks), log); err != nil {
		return err
	}
	metrics := http.NewServeMux()
	metrics.Handle("GET /metrics", promhttp.HandlerFor(parts.registry, promhttp.HandlerOpts{}))
	if err := listenOn(ctx, group, c.Metrics, mostReaders, metrics, log); err != nil {
		return err
	}
	for _, run := range parts.loops {
		group.Go(func() error { return run(ctx) })
	}
	log.Info("agent started", "node", c.Node, "metadata", c.Metadata, "address", c.Agent, "port", c.Port)
	return group.Wait()
}

// parts are what runs.
type parts struct {
	registry  *prometheus.Registry
	metrics   *serve.Metrics
	snapshot  *snapshot.Store
	sandboxes *pods.Sandboxes
	proven    *serve.Proven
	stranger  *serve.Stranger
	checks    []serve.Check
	loops     []func(context.Context) error
}

func assemble(ctx context.Context, c Config, gate pods.Gate, log, audit *slog.Logger) (*parts, error) {
	clk := clock.RealClock{}
	p := &parts{registry: prometheus.NewRegistry()}
	meters := newMeters(p.registry)

	nodeClientID, err := c.nodeClientID()
	if err != nil {
		return nil, err
	}
	if c.Mode == Managed && nodeClientID == "" {
		log.Warn("the node's own identity is not known (--cloudconfig): an AzureIdentity that names it gives it to pods")
	}
	groups, err := c.Cgroups.mount()
	if err != nil {
		log.Warn("pods in the node's network can't be proven", "error", err)
	}
	sandboxes := pods.NewSandboxes(gate, groups, log)
	p.sandboxes = sandboxes
	conn, err := pods.Dial(c.RuntimeSocket)
	if err != nil {
		return nil, err
	}
	runtime := pods.NewRuntime(conn, pods.Kernel{}, pods.Attachment{Network: c.Network, ByGroup: c.Attestation == ByEBPF}, sandboxes, clk, log)
	p.loops = append(p.loops, func(ctx context.Context) error {
		defer conn.Close()
		return runtime.Run(ctx)
	})

	cache := tokencache.New(ctx, clk, tokencache.Options{Observe: meters.cacheResult})
	client, err := kube.NewClient(c.Kube, clk)
	if err != nil {
		return nil, err
	}
	if c.maxAge() < leastAge {
		log.Warn("the API server says about once a minute that nothing has changed: new callers will be refused in between", "snapshot-max-age", c.maxAge())
	}
	p.snapshot = snapshot.Open(snapshot.Options{
		Folder: c.Snapshot, Owner: "node " + c.Node + " " + string(c.Mode), MaxAge: c.maxAge(), Clock: clk, Log: log,
	})
	p.loops = append(p.loops, p.snapshot.Run)
	broker := c.broker(client, clk)
	var objects kube.Server = client
	if c.Entitlements == ByBroker {
		objects = broker
	}
	facts := pods.NewFacts()
	follow(p, objects, log, facts, kube.Collection{Path: "/api/v1/pods", FieldSelector: "spec.nodeName=" + c.Node})
	entitlements := p.entitlements(c, objects, log, func(identity grant.Identity) { cache.Drop(identity.Key()) })

	exceptions := assignments.NewExceptions()
	if len(c.ExceptionNamespaces) > 0 {
		follow(p, objects, log, exceptions, kube.Collection{Path: assignments.ExceptionsPath})
	} else {
		exceptions.Replace(nil) // none counts, so none is read
	}
	upstream, err := c.source(clk, meters.sourceStatus)
	if err != nil {
		return nil, err
	}
	prover := &attest.Prover{
		Sandboxes: sandboxes, Refresh: runtime.Refresh, Clock: clk, Patience: time.Second,
		ByGroup: c.Attestation == ByEBPF, Shared: c.Network == pods.Bridge,
	}
	p.metrics = serve.NewMetrics(p.registry)
	notices := notice.New(c.Node, client.Create, clk, log)
	p.loops = append(p.loops, notices.Run)
	p.proven = serve.NewProven(serve.Options{
		Prover: prover, Facts: facts, Assignments: entitlements, Exceptions: exceptions, Cache: cache, Metrics: p.metrics, Audit: audit, Clock: clk,
		Broker: broker, Fresh: p.snapshot.Fresh, Tell: notices.Tell,
		Source: upstream,
		Policy: grant.Policy{
			ForceNamespaced: c.ForceNamespaced, NodeAccounts: setOf(c.NodeAccounts), NodeClientID: nodeClientID, Young: c.young(),
			Broker:     c.BrokerConfigMap != "",
			Exceptions: grant.Exceptions{Namespaces: setOf(c.ExceptionNamespaces), Accounts: setOf(c.ExceptionAccounts)},
		},
		Rules:    rules(c.Metadata),
		Patience: c.Patience, Keep: c.Keep, PerSecond: c.PerSecond, BlockInstance: c.BlockInstance,
	})
	p.stranger = serve.NewStranger(prover, p.metrics, audit, clk, strangersPerSecond)
	p.checks = []serve.Check{
		{Name: "the container runtime's pods are known", OK: sandboxes.Synced},
		{Name: "the API server's pods are known", OK: facts.Synced},
		{Name: "what pods may have is known", OK: entitlements.Synced},
		{Name: "exceptions are known", OK: exceptions.Synced},
	}
	if c.SelfTest {
		p.checks = append(p.checks, serve.Check{Name: "a pod's request has come all the way to the agent", OK: prover.Reached})
	}
	meters.watch(p.registry, sandboxes, entitlements, cache, p.snapshot)
	return p, nil
}

const strangersPerSecond = 50

// source is the metadata service behind the agent.
func (c Config) source(clk clock.Clock, observe func(status int)) (*source.IMDS, error) {
	switch {
	case c.UpstreamTokenFile != "":
		return source.NewRemote(source.Remote{Endpoint: c.Upstream, CAFile: c.UpstreamCAFile, TokenFile: c.UpstreamTokenFile}, clk, observe)
	case c.Upstream != "":
		return source.NewIMDS(c.Upstream, clk, observe), nil
	}
	return source.NewIMDS("http://"+c.Metadata.String(), clk, observe), nil
}

// entitlements is what pods may have: one interface, a source for each mode.
type entitlements interface {
	serve.Assignments
	Len() int
}

// entitlements prepares the source of the mode and its watches. gone hears of identities that nobody may use any more.
func (p *parts) entitlements(c Config, server kube.Server, log *slog.Logger, gone func(grant.Identity)) entitlements {
	if c.Mode == Managed {
		bound := assignments.NewBound(gone)
		follow(p, server, log, bound.Identities(), kube.Collection{Path: assignments.IdentitiesPath})
		follow(p, server, log, bound.Bindings(), kube.Collection{Path: assignments.BindingsPath})
		return bound
	}
	store := assignments.NewStore(c.Node, gone)
	follow(p, server, log, store, kube.Collection{Path: assignments.Path, LabelSelector: "nodename=" + c.Node})
	return store
}

func setOf(list []string) map[string]bool {
	set := make(map[string]bool, len(list))
	for _, member := range list {
		set[member] = true
	}
	return set
}

// follow adds a watch that feeds a sink.
func follow[T snapshot.Object](p *parts, server kube.Server, log *slog.Logger, sink kube.Sink[T], collection kube.Collection) {
	watcher := &kube.Watcher[T]{
		Client: server, Sink: snapshot.Keep(p.snapshot, collection.Path, sink), Clock: clock.RealClock{}, Log: log, Collection: collection,
		Heard: func() { p.snapshot.Heard(collection.Path) },
	}
	p.loops = append(p.loops, func(ctx context.Context) error { watcher.Run(ctx); return nil })
}

// rules are those of the metadata service, as pods that lived with the predecessor know them.
func rules(metadata netip.AddrPort) imds.Rules {
	port := ":" + strconv.Itoa(int(metadata.Port()))
	var hosts []string
	for _, host := range []string{
		metadata.Addr().String(),
		"[" + netip.AddrFrom16(metadata.Addr().As16()).String() + "]", // ::ffff:169.254.169.254
		fmt.Sprintf("[::ffff:%x:%x]", metadata.Addr().AsSlice()[:2], metadata.Addr().AsSlice()[2:]),
	} {
		hosts = append(hosts, host, host+port)
	}
	return imds.Rules{Hosts: hosts, MissingHeaderCode: imds.CodeInvalidRequest, DefaultAPIVersion: "2018-02-01"}
}

// grace is how long requests that are being answered may take when the agent stops.
const grace = 2 * time.Second

// answerOn answers pods until the context ends.
func answerOn(ctx context.Context, group *errgroup.Group, server *wire.Server, listener net.Listener) {
	group.Go(func() error {
		if err := server.Serve(ctx, listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("answering on %s: %w", listener.Addr(), err)
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
		defer cancel()
		server.Shutdown(stop)
		return nil
	})
}

// serveOn serves probes or metrics until the context ends.
func serveOn(ctx context.Context, group *errgroup.Group, server *http.Server, listener net.Listener) {
	server.BaseContext = func(net.Listener) context.Context { return ctx }
	group.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serving on %s: %w", listener.Addr(), err)
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
		defer cancel()
		if err := server.Shutdown(stop); err != nil {
			return server.Close()
		}
		return nil
	})
}

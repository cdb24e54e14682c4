package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/activity"
	"github.com/lanyard-project/lanyard/internal/arm/ops"
	"github.com/lanyard-project/lanyard/internal/arm/pipeline"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/azextension"
	"github.com/lanyard-project/lanyard/internal/chartrepo"
	"github.com/lanyard-project/lanyard/internal/directory"
	"github.com/lanyard-project/lanyard/internal/edge"
	"github.com/lanyard-project/lanyard/internal/entra"
	"github.com/lanyard-project/lanyard/internal/graph"
	"github.com/lanyard-project/lanyard/internal/imdsserver"
	"github.com/lanyard-project/lanyard/internal/keys"
	"github.com/lanyard-project/lanyard/internal/nameserver"
	"github.com/lanyard-project/lanyard/internal/obs"
	"github.com/lanyard-project/lanyard/internal/obs/meters"
	"github.com/lanyard-project/lanyard/internal/obs/record"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/providers/authorization"
	"github.com/lanyard-project/lanyard/internal/providers/compute"
	"github.com/lanyard-project/lanyard/internal/providers/deployments"
	"github.com/lanyard-project/lanyard/internal/providers/features"
	"github.com/lanyard-project/lanyard/internal/providers/insights"
	"github.com/lanyard-project/lanyard/internal/providers/locks"
	"github.com/lanyard-project/lanyard/internal/providers/managedidentity"
	"github.com/lanyard-project/lanyard/internal/providers/network"
	"github.com/lanyard-project/lanyard/internal/providers/resources"
	"github.com/lanyard-project/lanyard/internal/providers/shape"
	"github.com/lanyard-project/lanyard/internal/seal"
	"github.com/lanyard-project/lanyard/internal/tokens"
)

func serveCommand() *cobra.Command {
	var c config
	var logLevel, logFormat string
	command := &cobra.Command{
		Use:   "serve",
		Short: "Serve ARM, the token service and the clusters' metadata until stopped; clusters go on running then",
		Args:  cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := c.check(); err != nil {
				return err
			}
			log, err := obs.NewLogger(command.ErrOrStderr(), logLevel, logFormat)
			if err != nil {
				return err
			}
			return serve(command.Context(), c, command.OutOrStdout(), log)
		},
	}
	c.folders(command.Flags())
	c.service(command.Flags())
	c.externalEtcd(command.Flags())
	command.Flags().StringVar(&logLevel, "log-level", "info", "debug, info, warn or error")
	command.Flags().StringVar(&logFormat, "log-format", "text", "text or json")
	return command
}

// serve wires the cloud together from the bottom to the top of the design's
// list, and runs it until ctx ends or a part of it fails.
func serve(ctx context.Context, c config, out io.Writer, log *slog.Logger) error {
	unlock, err := lockDataDir(ctx, c.dataDir, lockPatience)
	if err != nil {
		return err
	}
	defer unlock()
	if err := claimRunDir(c.runDir, c.dataDir); err != nil {
		return err
	}
	// What an operator gets wrong comes first: from here on etcd runs and stays.
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.listen)
	if err != nil {
		return fmt.Errorf("listening for ARM and the token service: %w", err)
	}
	defer listener.Close()
	if !c.allowRemote {
		if err := edge.Unpaced(listener); err != nil {
			return err
		}
	}
	machines, err := openMachinery(ctx, c, log)
	if err != nil {
		return err
	}
	defer machines.close()
	// What looks at time with its own clock gets the machine's.
	wall := clock.RealClock{}
	clk, moved, err := openClock(c)
	if err != nil {
		return err
	}
	counted := meters.New()
	recorder, err := record.Open(record.Options{Path: filepath.Join(c.dataDir, "record", "record.jsonl"), Clock: clk, Log: log, Counter: counted})
	if err != nil {
		return err
	}
	defer recorder.Close()

	// The floor: sealed secrets, etcd, schema.
	box, err := seal.Load(filepath.Join(c.dataDir, "master.key"))
	if err != nil {
		return err
	}
	state, etcd, closeState, err := openState(ctx, c, log)
	if err != nil {
		return err
	}
	defer closeState()

	// Resources, what they refer to and who there is are in memory as well: reads
	// cost etcd nothing.
	following, stopFollowing := context.WithCancel(ctx)
	defer stopFollowing()
	for _, prefix := range []string{resource.KeyPrefix + "/", "/lanyard/uses/", "/lanyard/names/", "/lanyard/directory/"} {
		if _, err := state.Follow(following, prefix, clk, log); err != nil {
			return err
		}
	}

	// Who there is and how they prove it.
	ring, err := keys.Open(ctx, keys.Options{Store: state, Box: box, Clock: clk, Log: log})
	if err != nil {
		return fmt.Errorf("opening the signing keys: %w", err)
	}
	people, err := directory.Open(ctx, directory.Options{Store: state, Box: box, Clock: clk, Log: log})
	if err != nil {
		return fmt.Errorf("opening the directory: %w", err)
	}

	// What there is.
	registry := providers.NewRegistry()
	done := activity.New(state, clk, log)
	engine := ops.New(ops.Options{Alone: len(c.etcd.endpoints) == 0, Store: state, Registry: registry, Clock: clk, Log: log, Record: countOperation(counted, recordOperation(done, registry))})
	imported, err := importRoles(c.roleFiles, log)
	if err != nil {
		return err
	}
	roles, err := authorization.New(authorization.Config{
		Store: state, Resources: engine, Principals: people, Log: log, Clock: clk, Registry: registry, Propagation: c.rolePropagation, Imported: imported,
	})
	if err != nil {
		return err
	}
	locked := locks.New(locks.Config{Store: state, Log: log, Clock: clk})
	for _, load := range []func(context.Context) error{roles.Load, locked.Load} {
		if err := load(ctx); err != nil {
			return err
		}
	}
	tenant, err := founder{config: c, out: out, store: state, people: people, all: engine, roles: roles}.found(ctx)
	if err != nil {
		return err
	}
	identities := managedidentity.New(managedidentity.Config{Directory: people, Resources: engine})
	computing := compute.New(compute.Config{Store: state, Resources: engine, Directory: people, Log: log, Clock: clk})
	networks := network.New(network.Config{Store: state, Resources: engine, Clock: clk, Machines: computing})
	if err := computing.Load(ctx); err != nil {
		return fmt.Errorf("loading machines: %w", err)
	}

	// The token service, and the front over ARM. Our own issuers' keys are asked for
	// at the front itself, without the network.
	var front http.Handler
	issuers, err := c.issuerKeys(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { front.ServeHTTP(w, r) }), clk, log)
	if err != nil {
		return err
	}
	signIn, err := entra.New(entra.Options{
		Origin: c.origin, Aliases: []string{platformOrigin}, Directory: people, Keys: ring, Issuer: tokens.NewIssuer(c.origin, ring, clk),
		IssuerAlias: func(ctx context.Context, published string) (string, bool) {
			return machines.issuerAlias(ctx, published)
		},
		Federation: issuers, Box: box, Clock: clk, Log: log, Record: recorder,
	})
	if err != nil {
		return err
	}
	authority, err := edge.OpenAuthority(filepath.Join(c.dataDir, "tls"), box, wall)
	if err != nil {
		return err
	}
	origins := []string{c.origin, platformOrigin}
	verifier := tokens.NewVerifier(c.origin, ring, clk)
	limits, err := c.limits()
	if err != nil {
		return err
	}
	arm := pipeline.New(pipeline.Options{
		Pages: box, Limits: limits,
		Registry: registry, Engine: engine, Authorizer: roles, Locks: locked, DefaultTenant: tenant.ID, Clock: clk, Log: log, Record: recordCall(recorder, done),
		Authenticator: pipeline.TokenAuthenticator{Verifier: verifier, Audiences: pipeline.Audiences(origins...), Groups: people.GroupsOf},
	})
	extensions, err := azextension.Handler(c.origin)
	if err != nil {
		return err
	}
	charts, err := chartrepo.Handler()
	if err != nil {
		return err
	}
	deps := shape.Deps{Store: state, Resources: engine, Identities: managedidentity.Carrier{Directory: people, Resources: engine}}
	images, err := openContainers(ctx, c, deps, people, roles, verifier, ring, box, recorder, clk, log)
	if err != nil {
		return err
	}
	data := newDataPlanes(c, deps, people, roles, verifier, box, recorder, clk, log)
	if err := data.blobs.Sweep(ctx); err != nil {
		return fmt.Errorf("tidying up blobs: %w", err)
	}
	hosts := append(data.hosts(), images.host())
	front = edge.New(edge.Options{
		Hosts: hosts, ARM: arm, Entra: signIn.Handler(), Origins: append(origins, publicOrigin), TenantID: tenant.ID, Ready: state.Ready, Clock: clk, Log: log, Access: countRequest(counted, recordRequest(recorder)),
		Extensions: extensions, Charts: charts,
		Local:   local(moved, verifier, people, origins, machines, log),
		Issuers: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { machines.issuers().ServeHTTP(w, r) }),
		Graph:   graph.New(graph.Options{Directory: people, Verifier: verifier, Origins: origins, Clock: clk, Log: log, Unhandled: arm.NoteUnhandled}),
	})
	tlsConfig := authority.ServerConfig(append(c.tlsNames, "localhost", "127.0.0.1", "::1", "168.63.129.16", "management.azure.com", "*"+images.LoginServerSuffix(), "*.blob.core.windows.net", "*.servicebus.windows.net")...)

	// The clusters.
	cloud := imdsserver.Cloud{Compute: computing, Tokens: signIn, Directory: people, Keys: ring}
	metadata := imdsserver.New(imdsserver.Options{
		Machines: cloud, Issuer: cloud, Clock: clk, Log: log, Record: recordMetadata(recorder),
		Unavailable: machines.unavailable,
	})
	templates := deployments.New(deployments.Config{
		Resources: engine, Registry: registry, Clock: clk, Box: box, Origin: c.origin, Check: roles.Check, Send: sendAs(arm, c.origin),
	})
	flags := features.New(features.Config{Store: state, Resources: engine, Clock: clk, Takes: c.registrationTakes, Previews: c.aks.Of2020})
	group, ctx := errgroup.WithContext(ctx)
	zones := nameserver.NewBook(state, clk, log)
	if err := zones.Load(ctx); err != nil {
		return err
	}
	names := newNameServer(zones, deps, log)
	names.PublicAddress = networks.PublicAddress
	types := append(documents(deps, data, people, box), images,
		insights.New(insights.Config{Log: done, Authorizer: roles, Clock: clk}),
		resources.New(engine, registry, clk).RegistrationTakes(c.registrationTakes).NameTenants(tenantNames(people)), flags, identities, roles, locked, templates, networks, computing)
	clusterTypes, err := machines.attach(ctx, foundation{
		config: c, etcd: etcd, engine: engine, people: people, identities: identities, roles: roles, networks: networks, computing: computing,
		features: flags, locks: locked, verifier: verifier, box: box, metadata: metadata, front: front, names: names, tls: tlsConfig, authority: authority.PEM(), store: state, log: log,
	})
	if err != nil {
		return err
	}
	types = append(types, clusterTypes...)
	for _, provider := range types {
		if err := registry.Register(provider.Types()...); err != nil {
			return err
		}
	}
	if _, served := registry.Namespace(aksNamespace); !served {
		registry.Withhold(aksNamespace, "This lanyardd makes no clusters: it was started with --clusters=none. Start it with --clusters=local, on Linux and as root, to have them, or with --clusters=attach to connect those that run elsewhere.")
	}

	server := edge.Server(front, log)
	server.TLSConfig = tlsConfig
	log.Info("lanyardd is up", "origin", c.origin, "tenant", tenant.ID)
	group.Go(func() error { return ignoreClosed(server.ServeTLS(edge.Tunnel(listener, hosts...), "", "")) })
	group.Go(func() error {
		<-ctx.Done()
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if server.Shutdown(drain) != nil {
			return server.Close() // who still talks is cut off: what answers him is about to close
		}
		return nil
	})
	for _, run := range []func(context.Context) error{done.Run, ring.Run, people.Run, roles.Run, locked.Run, computing.Run, zones.Run, data.blobs.Run, images.service.Run} {
		group.Go(func() error { return ignoreCanceled(run(ctx)) })
	}
	group.Go(func() error { return serveNames(ctx, names, c.dnsListen) })
	group.Go(func() error { return serveMeters(ctx, counted, c.metricsListen, log) })
	resumed := make(chan struct{})
	group.Go(func() error {
		defer close(resumed)
		machines.resume(ctx, log)
		return nil
	})
	group.Go(func() error {
		<-resumed
		return ignoreCanceled(machines.run(ctx))
	})
	group.Go(func() error {
		// Operations come after: they find the networks and their listeners.
		select {
		case <-resumed:
		case <-wall.After(resumeLimit):
			log.Warn("operations go on although not all is taken up that ended with the process before")
		case <-ctx.Done():
		}
		return ignoreCanceled(engine.Run(ctx))
	})
	return group.Wait()
}

// aksNamespace is served where clusters are.
const aksNamespace = "Microsoft.ContainerService"

// resumeLimit is for how long operations wait for networks, listeners and relays,
// which takes less than a second where nothing is broken.
const resumeLimit = 10 * time.Second

func ignoreClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

func ignoreCanceled(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

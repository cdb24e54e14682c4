package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sync/errgroup"
	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/clusters"
	"github.com/lanyard-project/lanyard/internal/clusters/connected"
	"github.com/lanyard-project/lanyard/internal/clusters/node"
	"github.com/lanyard-project/lanyard/internal/diskplane"
	"github.com/lanyard-project/lanyard/internal/kubeguard"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/providers/containerservice"
	"github.com/lanyard-project/lanyard/internal/providers/dns"
	"github.com/lanyard-project/lanyard/internal/traffic"
)

// localMachinery runs clusters on this machine, and speaks to those that are run
// elsewhere. With --clusters=attach it has no engine and runs none.
type localMachinery struct {
	others  []string // further Kubernetes versions
	log     *slog.Logger
	engine  *clusters.Engine
	version string
	inside  *platform
	aks     *containerservice.Provider
	traffic *traffic.Carrier
	disks   diskplane.Options
	nodes   http.Handler // of connected clusters
}

// initMachinery answers a re-execution of the program as the first process of a
// node or control plane.
func initMachinery() { clusters.Init() }

// openMachinery finds what an operator got wrong before anything is started.
func openMachinery(ctx context.Context, c config, log *slog.Logger) (machinery, error) {
	if c.clusters == clustersNone {
		return noMachinery{}, nil
	}
	if c.clusters == clustersAttach {
		return &localMachinery{}, nil
	}
	version, err := kubernetesVersion(ctx, c.kubeDir)
	if err != nil {
		return nil, err
	}
	others, err := kubernetesVersions(ctx, c.otherKubeDirs)
	if err != nil {
		return nil, err
	}
	registries, err := c.registries(log)
	if err != nil {
		return nil, err
	}
	provider, err := c.cloudProviderProgram()
	if err != nil {
		return nil, err
	}
	simulator, err := c.simulatorProgram()
	if err != nil {
		return nil, err
	}
	engine, err := clusters.New(clusters.Options{
		DataDir: clustersDir(c), RunDir: clustersRunDir(c), KubeDir: c.kubeDir, KubeDirs: others, Registries: registries, CloudProvider: provider, Simulator: simulator, Log: log,
	})
	if err != nil {
		return nil, err
	}
	return &localMachinery{engine: engine, version: version, others: slices.Sorted(maps.Keys(others))}, nil
}

func (m *localMachinery) attach(ctx context.Context, f foundation) ([]typed, error) {
	m.log = f.log
	m.inside = &platform{engine: m.engine, metadata: f.metadata, front: f.front, names: f.names, tls: f.tls, log: f.log, ctx: ctx}
	options := containerservice.Options{
		Store: f.store, Resources: f.engine, Connected: connected.Clusters{}, Connectable: f.config.connectable, Etcd: etcdUsers{f.etcd}, Platform: m.inside, Directory: f.people,
		Identities: f.identities, Roles: f.roles, Addresses: f.networks, Zones: dns.New(dns.Config{Store: f.store, Resources: f.engine}), Instances: f.computing, Features: f.features, Locks: f.locks, Box: f.box,
		Rules: containerservice.Rules(f.config.aks), Log: f.log,
		Begin:             func(ctx context.Context, r *providers.Request) error { _, err := f.engine.Commit(ctx, r); return err },
		KubernetesVersion: m.version, OtherVersions: m.others, IssuerBase: f.config.origin + "/oidc",
		Origin: f.config.origin, GuardOrigin: platformOrigin,
		CACertificates: f.authority, Images: f.config.nodeImages, PauseImage: f.config.pauseImage, DNSImage: f.config.dnsImage,
	}
	if m.engine != nil {
		options.Engine, options.CgroupFolder, options.Simulates = m.engine, m.engine.CgroupFolder(), f.config.simulator != ""
	}
	m.aks = containerservice.New(ctx, options)
	if err := m.aks.Load(ctx); err != nil {
		return nil, err
	}
	m.nodes = connectedNodes(m.aks, f.metadata, f.log)
	if m.engine == nil {
		return []typed{m.aks}, nil
	}
	ports, err := traffic.ParsePorts(f.config.publicPorts)
	if err != nil {
		f.log.Error("no port of a public address is opened on this machine", "error", err) // the settings were checked
	}
	m.traffic = traffic.New(traffic.Options{
		Ports: ports,
		Store: f.store, Resources: f.engine, Machines: f.computing, Engine: m.engine, NetworkKey: containerservice.VNetKey, Log: f.log,
		Clock: clock.RealClock{}, // probes are about the machine's time
	})
	m.inside.guard = kubeguard.New(kubeguard.Options{Clusters: m.aks, Tokens: f.verifier, Groups: f.people, Roles: f.roles, Log: f.log}).Handler()
	m.disks = diskplane.Options{Store: f.store, Machines: f.computing, Engine: m.engine, Log: f.log, Clock: clock.RealClock{}}
	return []typed{m.aks}, nil
}

// run mends what ended by itself, renews certificates and carries traffic, until the context ends.
func (m *localMachinery) run(ctx context.Context) error {
	if m.engine == nil {
		return m.aks.Run(ctx)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		// One cluster that can't be adopted holds up nobody but who works on it.
		if err := m.engine.AdoptClusters(ctx); err != nil && ctx.Err() == nil {
			m.log.Error("some clusters can't be adopted", "error", err)
		}
		m.engine.Mend(ctx)
		return nil
	})
	group.Go(func() error { return m.aks.Run(ctx) })
	group.Go(func() error { return m.traffic.Run(ctx) })
	group.Go(func() error { return diskplane.Run(ctx, m.disks) })
	return group.Wait()
}

func (m *localMachinery) unavailable(principal string) bool { return m.aks.Unavailable(principal) }

func (m *localMachinery) connected() http.Handler { return m.nodes }

func (m *localMachinery) issuerAlias(ctx context.Context, published string) (string, bool) {
	return m.aks.IssuerAlias(ctx, published)
}

func (m *localMachinery) issuers() http.Handler { return m.aks.Issuers() }

// resume takes up what ended with an earlier process: networks, if the machine
// has restarted, and their listeners and relays. The front answers meanwhile.
func (m *localMachinery) resume(ctx context.Context, log *slog.Logger) {
	if m.engine != nil {
		if err := m.engine.AdoptNetworks(); err != nil && ctx.Err() == nil {
			log.Error("some networks can't be adopted", "error", err)
		}
	}
	if err := m.aks.Resume(ctx); err != nil && ctx.Err() == nil {
		log.Error("some clusters can't be resumed", "error", err)
	}
}

func (m *localMachinery) close() {
	if m.aks != nil {
		m.aks.Close()
		m.inside.Close()
	}
}

// clusterState reports what of a clusters folder a backup needs.
func clusterState(name string) bool { return clusters.IsRecord(name) }

// teardownMachinery ends every cluster of the data folder.
func teardownMachinery(ctx context.Context, c config) error {
	if _, err := os.Stat(clustersDir(c)); errors.Is(err, fs.ErrNotExist) {
		return nil // it ran without clusters, perhaps on a machine that can have none
	}
	engine, err := clusters.New(clusters.Options{DataDir: clustersDir(c), RunDir: clustersRunDir(c), KubeDir: c.kubeDir, Log: slog.Default()})
	if err != nil {
		return err
	}
	if err := engine.Teardown(ctx); err != nil {
		return fmt.Errorf("ending the clusters: %w", err)
	}
	return nil
}

// registries say how nodes sign in to container registries. The program for it is
// built with lanyardd and lies beside it.
func (c *config) registries(log *slog.Logger) (node.Registries, error) {
	program := c.credentialProvider
	if program == "" {
		executable, err := os.Executable()
		if err != nil {
			return node.Registries{}, err
		}
		program = filepath.Join(filepath.Dir(executable), "acr-credential-provider")
		if _, err := os.Stat(program); errors.Is(err, fs.ErrNotExist) {
			log.Warn("nodes can't sign in to container registries: there is no acr-credential-provider beside lanyardd, nor is --credential-provider given")
			return node.Registries{}, nil
		}
	}
	if _, err := os.Stat(program); err != nil {
		return node.Registries{}, fmt.Errorf("--credential-provider: %w", err)
	}
	return node.Registries{Program: program, Domain: c.registrySuffix}, nil
}

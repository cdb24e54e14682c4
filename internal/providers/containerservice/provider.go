package containerservice

import (
	"context"
	"log/slog"
	"slices"
	"sync"

	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/seal"
	"github.com/lanyard-project/lanyard/internal/store"
)

// Options are what the provider is made of. All are required unless they say otherwise.
type Options struct {
	Store      *store.Store
	Resources  providers.Resources
	Engine     Engine // nil runs no clusters
	Simulates  bool   // the engine has the program that simulates nodes
	Etcd       EtcdUsers
	Platform   Platform
	Directory  Directory
	Identities Identities
	Roles      Roles
	Addresses  Addresses
	Zones      Zones
	Instances  Instances
	Features   Features
	// Connected speaks to clusters that are run elsewhere; nil offers none. Connectable are their API servers, as
	// host or host:port, "*" for any.
	Connected   Connected
	Connectable []string
	Locks       Locks // nil: there are none
	Log         *slog.Logger
	Clock       clock.Clock // nil means the real one

	// Begin starts an operation that the service itself wants.
	Begin func(ctx context.Context, r *providers.Request) error
	// Box seals the secrets of service principals.
	Box *seal.Box
	// Rules are today's if zero.
	Rules Rules

	// KubernetesVersion is what new clusters get, without "v"; OtherVersions are those that there are programs for, too.
	KubernetesVersion string
	OtherVersions     []string
	// IssuerBase is the URL below which clusters' service account issuers are named, without a slash at its end.
	IssuerBase string
	// Origin is the cloud's, where users sign in; GuardOrigin is it as the clusters' API servers reach it.
	Origin      string
	GuardOrigin string
	// CACertificates are what nodes trust: the cloud's own authority at least.
	CACertificates []byte
	// Images are the archives that every node gets, and PauseImage the name of the one that holds a pod's namespaces.
	Images     []string
	PauseImage string
	// DNSImage is the name of the image, one of Images, of the clusters' name server; "" leaves clusters without one.
	DNSImage string
	// CgroupFolder is where nodes have the cgroup version 2 hierarchy, where that isn't what containers see by themselves.
	CgroupFolder string
}

// Provider is the Microsoft.ContainerService resource provider.
type Provider struct {
	Options
	relays relays
	index  *index
	proofs proofs // of callers that a connected cluster is asked about
	// places is held while what this process has for a network or a cluster is made or taken away: listeners and relays.
	places sync.Mutex
	whole  *providers.Type // managedClusters
}

// New makes the provider; Load is what it needs then. Relays to API servers run until the context ends.
func New(ctx context.Context, o Options) *Provider {
	if o.Clock == nil {
		o.Clock = clock.RealClock{}
	}
	p := &Provider{Options: o, index: newIndex(o)}
	p.relays = relays{ctx: ctx, engine: o.Engine, log: o.Log, running: map[string]*relay{}}
	p.whole = p.clusters()
	return p
}

const (
	namespace   = "Microsoft.ContainerService"
	clusterType = namespace + "/managedClusters"
)

// apiVersions are those that the clients send: az 2.45 and its extension, Terraform's azurerm, today's SDKs and docs.
func apiVersions() []string {
	return []string{
		"2020-09-01", "2021-05-01", "2022-03-01", "2022-08-03-preview", "2022-11-01", "2023-01-02-preview", "2023-02-01", "2023-06-01",
		"2023-10-01", "2024-01-01", "2024-05-01", "2024-09-01", "2025-01-01", "2025-02-01", "2025-05-01", "2025-07-01", "2025-10-01", "2026-03-01",
	}
}

// Types are the provider's types.
func (p *Provider) Types() []*providers.Type {
	return []*providers.Type{p.whole, p.agentPools(), p.upgradeProfiles(), p.poolUpgradeProfiles(), p.accessProfiles(), p.namespaces(), p.machineType(), p.maintenanceConfigurations(), p.locations()}
}

func (p *Provider) clusters() *providers.Type {
	return &providers.Type{
		Namespace:          namespace,
		Name:               "managedClusters",
		WireType:           namespace + "/ManagedClusters",
		GroupSegment:       "resourcegroups",
		APIVersions:        apiVersions(),
		Levels:             providers.AtGroup,
		Tracked:            true,
		ListBySubscription: true,
		FlatErrors:         true,
		NamePattern:        clusterName,
		NameRule:           "The name must be 1 to 63 letters, digits, '-' and '_', and begin and end with a letter or digit.",
		HideSystem:         true,
		References:         []string{vnetType, identityType},
		Prepare:            p.prepare,
		Admit:              p.admit,
		Remove:             p.remove,
		Render:             p.render,
		Busy:               busy,
		Mismatch:           etagMismatch,
		Actions:            p.actions(),
		Plans:              slices.Concat(p.rotationPlans(), p.connectedPlans(), []providers.Plan{p.reconcilePlan(), p.deletePlan(), p.stopPlan()}),
	}
}

const (
	vnetType     = "Microsoft.Network/virtualNetworks"
	subnetType   = vnetType + "/subnets"
	identityType = "Microsoft.ManagedIdentity/userAssignedIdentities"
	scaleSetType = "Microsoft.Compute/virtualMachineScaleSets"
)

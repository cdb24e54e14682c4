package compute

import (
	"context"
	"log/slog"
	"slices"

	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/providers/managedidentity"
	"github.com/lanyard-project/lanyard/internal/providers/shape"
	"github.com/lanyard-project/lanyard/internal/store"
	"k8s.io/utils/clock"
)

const (
	namespace    = "Microsoft.Compute"
	scaleSetType = namespace + "/virtualMachineScaleSets"
	instanceType = scaleSetType + "/virtualMachines"
)

// Config says what the provider works with.
type Config struct {
	Store     *store.Store
	Resources providers.Resources
	Directory managedidentity.Directory
	Log       *slog.Logger
	Clock     clock.Clock
}

// Provider serves machines, scale sets and disks. It is safe for concurrent use.
type Provider struct {
	cfg      Config
	machines *machines
}

// New returns the provider, whose machines are unknown until Load.
func New(cfg Config) *Provider { return &Provider{cfg: cfg, machines: newMachines(cfg)} }

// carrier has the rules of identity blocks.
func (p *Provider) carrier() managedidentity.Carrier {
	return managedidentity.Carrier{Directory: p.cfg.Directory, Resources: p.cfg.Resources}
}

// Load reads the machines that exist.
func (p *Provider) Load(ctx context.Context) error { return p.machines.mirror.Load(ctx) }

// Run follows what other processes write until ctx ends.
func (p *Provider) Run(ctx context.Context) error { return p.machines.mirror.Follow(ctx) }

// Types returns the provider's resource types.
func (p *Provider) Types() []*providers.Type {
	own := append([]*providers.Type{p.scaleSets(), p.instances()}, slices.Concat(p.instanceInterfaces(), p.publicAddresses(), p.images())...)
	return append(own, shape.Compile(p.deps(), p.kinds()...)...)
}

// apiVersions are those of Microsoft.Compute since scale sets have their present
// shape.
func apiVersions() []string {
	return []string{
		"2018-06-01", "2018-10-01", "2019-03-01", "2019-07-01", "2019-12-01", "2020-06-01", "2020-12-01",
		"2021-03-01", "2021-04-01", "2021-07-01", "2021-11-01", "2022-03-01", "2022-08-01", "2022-11-01",
		"2023-03-01", "2023-07-01", "2023-09-01", "2024-03-01", "2024-07-01", "2024-11-01", "2025-04-01",
	}
}

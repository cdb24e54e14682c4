package containerservice

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/clusters"
)

// SimulatedTag is the tag by which a pool is simulated, with the value "true": its nodes are objects in the cluster, with no
// machine behind them. The pool's scale set has the tag, too, and no instances.
const SimulatedTag = "lanyard-simulated"

func (p pool) simulated() bool { return strings.EqualFold(p.Tags[SimulatedTag], "true") }

// validateSimulated refuses what only nodes that run could do, and what a pool can't become.
func validateSimulated(p pool) *rest.Error {
	if p.simulated() && p.Mode == "System" {
		return refused("SimulatedPoolNotAllowed", "Agent pool '"+p.Name+"' is simulated (tag "+SimulatedTag+"): it can't be a system pool, on whose nodes the cluster's own pods run. Make it a User pool.", "agentPoolProfile.tags")
	}
	return nil
}

// admitSimulated refuses simulated pools where there is no program for them.
func (p *Provider) admitSimulated(wanted properties) *rest.Error {
	if p.Simulates || !slices.ContainsFunc(wanted.AgentPools, pool.simulated) {
		return nil
	}
	return refused("SimulatedPoolsNotOffered", "This cloud simulates no nodes: build KWOK with make tools/kwok, and start lanyardd with --simulator build/tools/kwok.", "agentPoolProfile.tags")
}

// ensureSimulated gives simulated pools their nodes.
func (p *Provider) ensureSimulated(ctx context.Context, w *work) error {
	for _, pool := range w.is.AgentPools {
		if !pool.simulated() {
			continue
		}
		s := clusters.Simulated{
			ClusterID: w.state.Key, Pool: pool.Name, Labels: nodeLabels(w, pool), Taints: pool.NodeTaints, MaxPods: pool.MaxPods,
			ProviderID: func(name string) string {
				return "azure://" + w.scaleSet(pool.Name).Child("virtualMachines", name).String()
			},
		}
		for _, number := range w.state.Pools[pool.Name].Instances {
			s.Names = append(s.Names, w.computer(pool.Name, number))
		}
		if err := p.Engine.EnsureSimulated(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// removeSimulated takes all nodes of a simulated pool away.
func (p *Provider) removeSimulated(ctx context.Context, w *work, pool string) error {
	if err := p.Engine.EnsureSimulated(ctx, clusters.Simulated{ClusterID: w.state.Key, Pool: pool}); err != nil {
		return fmt.Errorf("removing simulated nodes: %w", err)
	}
	return nil
}

package containerservice

import (
	"context"
	"errors"
	"fmt"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
)

// Resume takes up, after a restart, what ended with the process before: listeners in VNets and relays to API servers.
// It comes after Engine.Adopt, which finds or starts the processes, and before operations go on. A cluster that can't be
// resumed delays no other one; what failed is reported together.
func (p *Provider) Resume(ctx context.Context) error {
	all, err := p.Resources.List(ctx, armid.Root(), clusterType)
	if err != nil {
		return fmt.Errorf("reading the clusters: %w", err)
	}
	var failures []error
	for _, cluster := range all {
		if p.Engine == nil || isConnected(cluster) {
			continue // nothing of it is in this process
		}
		if err := p.resume(ctx, cluster); err != nil {
			failures = append(failures, fmt.Errorf("resuming %s: %w", cluster.ID, err))
		}
	}
	return errors.Join(failures...)
}

func (p *Provider) resume(ctx context.Context, cluster *resource.Resource) error {
	// A deletion may run beside this: its steps come after the state that is read here, and wait for what is made of it.
	p.places.Lock()
	defer p.places.Unlock()
	cluster, err := p.Resources.Get(ctx, cluster.ID)
	if rest.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	run := providers.NewRun(providers.Run{ID: cluster.ID, Resources: p.Resources, Log: p.Log}, nil)
	w, err := read(run, cluster)
	if err != nil {
		return err
	}
	if w.state.Port == 0 && !w.is.APIServerAccessProfile.EnablePrivateCluster || cluster.ProvisioningState == resource.Deleting {
		return nil // its plan makes, or removes, what there is to be
	}
	if err := p.makeNetwork(ctx, w); err != nil {
		if rest.IsNotFound(err) {
			return nil
		}
		return err
	}
	if err := p.ensureIdentitySource(ctx, w.state.Key, w.cluster.ID); err != nil {
		return err
	}
	config, err := p.controlPlaneConfig(ctx, w)
	if err != nil {
		return err
	}
	if err := p.Engine.ConfigureCloud(ctx, w.state.Key, config); err != nil {
		return err
	}
	return p.ensureRelay(ctx, w)
}

// Close waits for the relays, after the context given to New has ended.
func (p *Provider) Close() { p.relays.wait() }

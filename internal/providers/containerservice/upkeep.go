package containerservice

import (
	"context"
	"fmt"
	"time"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/providers"
)

const (
	// lookEvery is how often it is looked whether somebody deleted what the service brought into a cluster.
	lookEvery = 30 * time.Second
	// renewEvery is how often certificates are looked at. They live for a year and are renewed when a third of it is left.
	renewEvery = time.Hour
	// scaleEvery is how often it is looked whether somebody scaled a pool by its scale set.
	scaleEvery = 2 * time.Second
)

// Run keeps, until the context ends, clusters as they are to be that nobody touches: it restores what was deleted in them,
// scales their pools as their scale sets, and renews the certificates of their programs and those by which they reach etcd.
func (p *Provider) Run(ctx context.Context) error {
	look, renew, scale := p.Clock.NewTimer(lookEvery), p.Clock.NewTimer(renewEvery), p.Clock.NewTimer(scaleEvery)
	defer scale.Stop()
	defer look.Stop()
	defer renew.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-look.C():
			if err := p.Restore(ctx); err != nil && ctx.Err() == nil {
				p.Log.Error("restoring what was deleted in clusters", "error", err)
			}
			look.Reset(lookEvery)
		case <-scale.C():
			if err := p.Scale(ctx); err != nil && ctx.Err() == nil {
				p.Log.Error("scaling pools as their scale sets", "error", err)
			}
			scale.Reset(scaleEvery)
		case <-renew.C():
			if err := p.Renew(ctx); err != nil && ctx.Err() == nil {
				p.Log.Error("renewing certificates of clusters", "error", err)
			}
			renew.Reset(renewEvery)
		}
	}
}

// Restore starts an operation for each cluster in which an object of the service's is missing. A cluster that can't be
// asked now is asked again later.
func (p *Provider) Restore(ctx context.Context) error {
	return p.upkeep(ctx, resource.Updating, func(cluster *resource.Resource, s state) (bool, error) {
		gone, err := p.missing(ctx, cluster, s)
		if err != nil {
			p.Log.DebugContext(ctx, "looking for what is missing in a cluster", "cluster", s.Key, "error", err)
			return false, nil
		}
		if len(gone) > 0 {
			p.Log.InfoContext(ctx, "restoring what was deleted in a cluster", "cluster", s.Key, "objects", gone)
		}
		return len(gone) > 0, nil
	})
}

// Renew starts one for each cluster that has a certificate to renew. It is seen as AKS's own one for this.
func (p *Provider) Renew(ctx context.Context) error {
	return p.upkeep(ctx, "ReconcilingClusterETCDCertificates", func(cluster *resource.Resource, s state) (bool, error) {
		if isConnected(cluster) {
			return false, nil // whoever runs it renews its certificates
		}
		return p.Engine.RenewalDue(ctx, s.Key)
	})
}

// upkeep reconciles clusters that need it and have nothing else going on: by an operation, so that no other one runs
// beside it. due may change the cluster that it gets.
func (p *Provider) upkeep(ctx context.Context, shown string, due func(*resource.Resource, state) (bool, error)) error {
	all, err := p.Resources.List(ctx, armid.Root(), clusterType)
	if err != nil {
		return fmt.Errorf("reading the clusters: %w", err)
	}
	for _, cluster := range all {
		s, err := readState(cluster)
		if err != nil {
			return err
		}
		if cluster.Busy() || cluster.ProvisioningState != resource.Succeeded || isStopped(cluster) || p.Engine == nil && !isConnected(cluster) {
			continue
		}
		next := cluster.Clone()
		needed, err := due(next, s)
		if err != nil {
			return err
		}
		if !needed {
			continue
		}
		r := &providers.Request{
			Caller: providers.Caller{TenantID: p.tenant(cluster.ID), Name: "lanyardd", Type: "Application"}, Method: providers.Do,
			Type: p.whole, Now: p.Clock.Now(), ID: cluster.ID, Old: cluster, Next: next,
		}
		plan := planReconcile
		if isConnected(cluster) {
			plan = planConnect
		}
		if _, err := begin(r, plan, shown); err != nil {
			return err
		}
		if err := p.Begin(ctx, r); err != nil {
			return fmt.Errorf("looking after %s: %w", cluster.ID, err)
		}
	}
	return nil
}

package containerservice

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

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
// scales their pools as their scale sets, and renews the certificates of their programs and those by which they reach etcd. It
// also does what Follow does.
// None of these waits for another: clusters that are run elsewhere take as long to answer as they like.
func (p *Provider) Run(ctx context.Context) error {
	var duties sync.WaitGroup
	duties.Go(func() { _ = p.Follow(ctx) }) // ends with ctx
	for _, duty := range []struct {
		what  string
		every time.Duration
		do    func(context.Context) error
	}{
		{"restoring what was deleted in clusters", lookEvery, p.Restore},
		{"restoring what was deleted in connected clusters", lookEvery, p.RestoreConnected},
		{"scaling pools as their scale sets", scaleEvery, p.Scale},
		{"renewing certificates of clusters", renewEvery, p.Renew},
	} {
		duties.Go(func() {
			timer := p.Clock.NewTimer(duty.every)
			defer timer.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-timer.C():
				}
				if err := duty.do(ctx); err != nil && ctx.Err() == nil {
					p.Log.Error("looking after clusters", "duty", duty.what, "error", err)
				}
				timer.Reset(duty.every)
			}
		})
	}
	duties.Wait()
	return ctx.Err()
}

// Restore starts an operation for each cluster of the service's own in which an object of the service's is missing. A
// cluster that can't be asked now is asked again later.
func (p *Provider) Restore(ctx context.Context) error {
	return p.upkeep(ctx, resource.Updating, oursOnly, p.lacking(ctx))
}

// RestoreConnected does so for those that are run elsewhere, and where their keys have changed.
func (p *Provider) RestoreConnected(ctx context.Context) error {
	return p.upkeep(ctx, resource.Updating, isConnected, p.lacking(ctx))
}

func oursOnly(cluster *resource.Resource) bool { return !isConnected(cluster) }

func (p *Provider) lacking(ctx context.Context) func(*resource.Resource, state) (bool, error) {
	return func(cluster *resource.Resource, s state) (bool, error) {
		gone, err := p.missing(ctx, cluster, s)
		if err != nil {
			p.Log.DebugContext(ctx, "looking for what is missing in a cluster", "cluster", s.Key, "error", err)
			return false, nil
		}
		if len(gone) > 0 {
			p.Log.InfoContext(ctx, "restoring what was deleted in a cluster", "cluster", s.Key, "objects", gone)
		}
		return len(gone) > 0, nil
	}
}

// Renew starts one for each cluster that has a certificate to renew, which is seen as AKS's own one for this. Those of
// connected clusters renews whoever runs them.
func (p *Provider) Renew(ctx context.Context) error {
	return p.upkeep(ctx, "ReconcilingClusterETCDCertificates", oursOnly, func(_ *resource.Resource, s state) (bool, error) {
		return p.Engine.RenewalDue(ctx, s.Key)
	})
}

// keptAtOnce is how many clusters are looked at at a time.
const keptAtOnce = 16

// upkeep reconciles clusters that need it and have nothing else going on. due may change the cluster that it gets. One
// cluster's failure is nobody else's.
func (p *Provider) upkeep(ctx context.Context, shown string, which func(*resource.Resource) bool, due func(*resource.Resource, state) (bool, error)) error {
	all, err := p.Resources.List(ctx, armid.Root(), clusterType)
	if err != nil {
		return fmt.Errorf("reading the clusters: %w", err)
	}
	failures := make([]error, len(all))
	var looks errgroup.Group
	looks.SetLimit(keptAtOnce)
	for n, cluster := range all {
		if !which(cluster) || p.Engine == nil && !isConnected(cluster) {
			continue
		}
		looks.Go(func() error {
			if err := p.keep(ctx, cluster, shown, due); err != nil {
				failures[n] = fmt.Errorf("cluster %s: %w", cluster.ID, err)
			}
			return nil // the others are looked at all the same
		})
	}
	_ = looks.Wait()
	return errors.Join(failures...)
}

// keep reconciles one cluster if it needs it: by an operation, so that no other one runs beside it.
func (p *Provider) keep(ctx context.Context, cluster *resource.Resource, shown string, due func(*resource.Resource, state) (bool, error)) error {
	s, err := readState(cluster)
	if err != nil || cluster.Busy() || cluster.ProvisioningState != resource.Succeeded || isStopped(cluster) {
		return err
	}
	next := cluster.Clone()
	if needed, err := due(next, s); err != nil || !needed {
		return err
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
	return p.Begin(ctx, r)
}

package containerservice

import (
	"context"
	"fmt"
	"time"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
)

// rotateCertificates is az aks rotate-certs: another authority, so that every kubeconfig that was handed out is dead, and
// nodes that start anew.
func (p *Provider) rotateCertificates(_ context.Context, r *providers.Request) (rest.Response, error) {
	if e := running(r.Old); e != nil {
		return rest.Response{}, e
	}
	return begin(r, planRotateCertificates, "RotatingClusterCertificates")
}

// rotateTokenKeys gives the cluster another key for service account tokens; those that are out stay good for a day.
func (p *Provider) rotateTokenKeys(_ context.Context, r *providers.Request) (rest.Response, error) {
	if e := running(r.Old); e != nil {
		return rest.Response{}, e
	}
	return begin(r, planRotateTokenKeys, resource.Updating)
}

func (p *Provider) rotationPlans() []providers.Plan {
	return []providers.Plan{
		{Name: planRotateCertificates, Failed: p.reconcileFailed, Steps: []providers.Step{
			{Name: "rotate", Run: p.step("RotateClusterCertificatesError", long, func(ctx context.Context, w *work) error {
				return p.Engine.RotateCertificates(ctx, w.state.Key, w.run.Operation)
			})},
			{Name: "control-plane", Run: p.step("RotateClusterCertificatesError", long, p.ensureControlPlane)},
			{Name: "nodes", Run: p.step("RotateClusterCertificatesError", long, p.ensureNodes)},
		}},
		{Name: planRotateTokenKeys, Failed: p.reconcileFailed, Steps: []providers.Step{
			{Name: "rotate", Run: p.step("RotateServiceAccountSigningKeysError", long, func(ctx context.Context, w *work) error {
				return p.Engine.RotateTokenKeys(ctx, w.state.Key, w.run.Operation)
			})},
			{Name: "control-plane", Run: p.step("RotateServiceAccountSigningKeysError", long, p.ensureControlPlane)},
		}},
	}
}

// renewEvery is how often certificates are looked at. They live for a year and are renewed when a third of it is left.
const renewEvery = time.Hour

// Run renews, until the context ends, the certificates of clusters that nobody touches: those of their programs and those
// by which they reach etcd.
func (p *Provider) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-p.Clock.After(renewEvery):
		}
		if err := p.Renew(ctx); err != nil && ctx.Err() == nil {
			p.Log.Error("renewing certificates of clusters", "error", err)
		}
	}
}

// Renew starts an operation for each cluster that has a certificate to renew and nothing else going on: an operation, so
// that no other one runs beside it. It is seen as AKS's own one for this.
func (p *Provider) Renew(ctx context.Context) error {
	all, err := p.Resources.List(ctx, armid.Root(), clusterType)
	if err != nil {
		return fmt.Errorf("reading the clusters: %w", err)
	}
	for _, cluster := range all {
		s, err := readState(cluster)
		if err != nil {
			return err
		}
		if cluster.Busy() || cluster.ProvisioningState != resource.Succeeded || isStopped(cluster) {
			continue
		}
		due, err := p.Engine.RenewalDue(ctx, s.Key)
		if err != nil {
			return err
		}
		if !due {
			continue
		}
		r := &providers.Request{
			Caller: providers.Caller{TenantID: p.tenant(cluster.ID), Name: "lanyardd", Type: "Application"}, Method: providers.Do,
			Type: p.whole, Now: p.Clock.Now(), ID: cluster.ID, Old: cluster,
		}
		if _, err := begin(r, planReconcile, "ReconcilingClusterETCDCertificates"); err != nil {
			return err
		}
		if err := p.Begin(ctx, r); err != nil {
			return fmt.Errorf("renewing certificates of %s: %w", cluster.ID, err)
		}
	}
	return nil
}

package containerservice

import (
	"context"

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
			{Name: "issuer", Run: p.step("RotateServiceAccountSigningKeysError", short, p.publishKeys)},
		}},
	}
}

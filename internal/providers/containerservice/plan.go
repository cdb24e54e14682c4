package containerservice

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
)

// The names of the plans. They stand in operation records: an operation that a newer version takes over must find its
// plan.
const (
	planReconcile = "reconcile"
	planDelete    = "delete"
)

// reconcilePlan makes a cluster what its document says, be it new or changed. The order is that of dependence: nothing
// runs before the resources that own it are recorded, so that deletion finds everything from the records.
func (p *Provider) reconcilePlan() providers.Plan {
	return providers.Plan{
		Name: planReconcile,
		Steps: []providers.Step{
			{Name: "node-resource-group", Run: p.step("ReconcileResourceGroupError", p.ensureNodeResourceGroup)},
			{Name: "virtual-network", Run: p.step("ReconcileVNetError", p.ensureVNet)},
			{Name: "control-plane-role", Run: p.step("CreateRoleAssignmentOnMSIError", p.ensureRole)},
			{Name: "kubelet-identity", Run: p.step("ReconcileKubeletIdentityError", p.ensureKubeletIdentity)},
			{Name: "scale-sets", Run: p.step("ReconcileAgentPoolError", p.ensureScaleSets)},
			{Name: "instances", Run: p.step("ReconcileAgentPoolError", p.ensureInstances)},
			{Name: "network", Run: p.step("ReconcileNetworkError", p.ensureNetwork)},
			{Name: "control-plane", Run: p.step("ReconcileControlPlaneError", p.ensureControlPlane), Patience: 5 * time.Minute},
			{Name: "nodes", Run: p.step("ReconcileNodesError", p.ensureNodes), Patience: 5 * time.Minute},
			{Name: "surplus", Run: p.step("ReconcileAgentPoolError", p.removeSurplus), Patience: 5 * time.Minute},
			{Name: "finish", Run: p.step("ReconcileManagedClusterError", p.finish)},
		},
		Failed: p.reconcileFailed,
	}
}

// deletePlan takes everything away in the opposite order.
func (p *Provider) deletePlan() providers.Plan {
	return providers.Plan{
		Name: planDelete,
		Steps: []providers.Step{
			{Name: "nodes", Run: p.step("DeleteNodesError", p.deleteNodes), Patience: 5 * time.Minute},
			{Name: "control-plane", Run: p.step("DeleteControlPlaneError", p.deleteControlPlane), Patience: 5 * time.Minute},
			{Name: "network", Run: p.step("DeleteNetworkError", p.deleteNetwork)},
			{Name: "control-plane-role", Run: p.step("DeleteRoleAssignmentError", p.revokeRole)},
			{Name: "node-resource-group", Run: p.step("DeleteResourceGroupError", p.deleteNodeResourceGroup), Patience: 5 * time.Minute},
			{Name: "identity", Run: p.step("DeleteIdentityError", p.deleteIdentity)},
		},
	}
}

// remove starts the deletion.
func (p *Provider) remove(_ context.Context, r *providers.Request) error {
	return r.Start(planDelete, nil)
}

// work is what the steps of a plan share: the cluster as it is recorded now.
type work struct {
	run     *providers.Run
	cluster *resource.Resource
	state   state
	is      properties
}

// step reads the cluster and does one part of a plan. An error that a user can do something about (an ARM error) ends
// the operation under the step's own code, as AKS names the part that failed; any other is tried again.
func (p *Provider) step(code string, do func(context.Context, *work) error) func(context.Context, *providers.Run) error {
	return func(ctx context.Context, run *providers.Run) error {
		w, err := p.open(ctx, run)
		if err != nil {
			return err
		}
		err = do(ctx, w)
		var arm *rest.Error
		if errors.As(err, &arm) && arm.Status < http.StatusInternalServerError {
			return failed(code, arm)
		}
		return err
	}
}

func (p *Provider) open(ctx context.Context, run *providers.Run) (*work, error) {
	cluster, err := run.Resource(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the cluster: %w", err)
	}
	return read(run, cluster)
}

func read(run *providers.Run, cluster *resource.Resource) (*work, error) {
	s, err := readState(cluster)
	if err != nil {
		return nil, err
	}
	is, err := resource.Read[properties](cluster)
	if err != nil {
		return nil, err
	}
	return &work{run: run, cluster: cluster, state: s, is: is}, nil
}

// update changes the cluster's record and the work's view of it.
func (w *work) update(ctx context.Context, change func(*resource.Resource) error) error {
	cluster, err := w.run.Update(ctx, change)
	if err != nil {
		return fmt.Errorf("recording the cluster: %w", err)
	}
	fresh, err := read(w.run, cluster)
	if err != nil {
		return err
	}
	*w = *fresh
	return nil
}

// service is in whose name the provider writes resources that no caller asked for by name.
func (w *work) service() providers.Caller { return w.run.Caller }

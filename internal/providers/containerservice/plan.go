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
	"github.com/lanyard-project/lanyard/internal/store"
)

// The names of the plans. They stand in operation records: an operation that a newer version takes over must find its
// plan.
const (
	planReconcile = "reconcile"
	planDelete    = "delete"
	planStop      = "stop"

	planRotateCertificates = "rotate-certificates"
	planRotateTokenKeys    = "rotate-token-keys"
)

// reconcilePlan makes a cluster what its document says, be it new or changed. The order is that of dependence: nothing
// runs before the resources that own it are recorded, so that deletion finds everything from the records.
func (p *Provider) reconcilePlan() providers.Plan {
	return providers.Plan{
		Name: planReconcile,
		Steps: []providers.Step{
			{Name: "node-resource-group", Run: p.step("ReconcileResourceGroupError", short, p.ensureNodeResourceGroup)},
			{Name: "service-principal", Run: p.step("ReconcileServicePrincipalError", short, p.ensureServicePrincipal)},
			{Name: "virtual-network", Run: p.step("ReconcileVNetError", short, p.ensureVNet)},
			{Name: "control-plane-role", Run: p.step("CreateRoleAssignmentOnMSIError", short, p.ensureRole)},
			{Name: "kubelet-identity", Run: p.step("ReconcileKubeletIdentityError", short, p.ensureKubeletIdentity)},
			{Name: "node-group-contents", Run: p.step("ReconcileNetworkError", short, p.ensureNodeGroupContents)},
			{Name: "scale-sets", Run: p.step("ReconcileAgentPoolError", short, p.ensureScaleSets)},
			{Name: "instances", Run: p.step("ReconcileAgentPoolError", short, p.ensureInstances)},
			{Name: "network", Run: p.step("ReconcileNetworkError", short, p.ensureNetwork)},
			{Name: "control-plane", Run: p.step("ReconcileControlPlaneError", long, p.ensureControlPlane)},
			{Name: "private-dns", Run: p.step("ReconcilePrivateDNSError", short, p.ensurePrivateDNS)},
			{Name: "administrators", Run: p.step("ReconcileAADError", short, p.ensureAdministrators)},
			{Name: "issuer", Run: p.step("ReconcileOIDCIssuerError", short, p.publishKeys)},
			{Name: "dns", Run: p.step("ReconcileDNSError", short, p.ensureDNS)},
			{Name: "storage", Run: p.step("ReconcileStorageClassesError", short, p.ensureStorage)},
			{Name: "nodes", Run: p.step("ReconcileNodesError", long, p.ensureNodes)},
			{Name: "simulated-nodes", Run: p.step("ReconcileNodesError", long, p.ensureSimulated)},
			{Name: "roll", Run: p.step("UpgradeFailed", long, p.roll)},
			{Name: "surplus", Run: p.step("ReconcileAgentPoolError", long, p.removeSurplus)},
			{Name: "addons", Run: p.step("ReconcileAddonIdentityError", short, p.ensureAddons)},
			{Name: "pod-identity", Run: p.step("ReconcilePodIdentityAddonError", long, p.ensurePodIdentity)},
			{Name: "control-plane-identity", Run: p.step("ReconcileMSICredentialError", short, p.controlPlaneThere)},
			{Name: "nodes-identity", Run: p.step("ReconcileKubeletIdentityError", short, p.kubeletThere)},
			{Name: "finish", Run: p.step("ReconcileManagedClusterError", short, p.finish)},
		},
		Failed: p.reconcileFailed,
	}
}

// deletePlan takes everything away: first what runs, then what is recorded of it.
func (p *Provider) deletePlan() providers.Plan {
	return providers.Plan{
		Name: planDelete,
		Steps: []providers.Step{
			{Name: "processes", Run: p.step("DeleteControlPlaneError", long, p.deleteProcesses)},
			{Name: "instances", Run: p.step("DeleteAgentPoolError", short, p.deleteInstances)},
			{Name: "network", Run: p.step("DeleteNetworkError", short, p.deleteNetwork)},
			{Name: "control-plane-role", Run: p.step("DeleteRoleAssignmentError", short, p.revokeRole)},
			{Name: "addons", Run: p.step("DeleteRoleAssignmentError", short, p.revokeAddons)},
			{Name: "private-dns", Run: p.step("DeletePrivateDNSError", short, p.removePrivateDNS)},
			{Name: "node-resource-group", Run: p.step("DeleteResourceGroupError", long, p.deleteNodeResourceGroup)},
			{Name: "identity", Run: p.step("DeleteIdentityError", short, p.deleteIdentity)},
		},
	}
}

// planArgs are what a reconciliation is told beside the document.
type planArgs struct {
	// IgnoreBudgets removes pods whose disruption budget forbids it.
	IgnoreBudgets bool `json:"ignoreBudgets,omitempty"`
}

// remove starts the deletion.
func (p *Provider) remove(_ context.Context, r *providers.Request) error {
	is, err := resource.Read[properties](r.Old)
	if err != nil {
		return err
	}
	if e := p.removable(r.ID, is); e != nil {
		return e
	}
	if is.connected() {
		return r.Start(planDisconnect, nil)
	}
	if p.Engine == nil {
		return noEngine()
	}
	return r.Start(planDelete, nil)
}

// work is what the steps of a plan share: the cluster as it is recorded now.
type work struct {
	run     *providers.Run
	cluster *resource.Resource
	state   state
	is      properties
}

// How long a step is tried for: those that wait for processes get more.
const (
	short = 2 * time.Minute
	long  = 5 * time.Minute

	firstWait   = 100 * time.Millisecond
	longestWait = 5 * time.Second
)

// step does one part of a plan, again and again while it fails for reasons that may pass, reading the cluster anew each
// time. An error that a user can do something about (an ARM error) ends the operation at once. Either way it ends under
// the step's own code, as AKS names the part that failed; that is why patience isn't left to the operations engine.
func (p *Provider) step(code string, patience time.Duration, do func(context.Context, *work) error) func(context.Context, *providers.Run) error {
	return func(ctx context.Context, run *providers.Run) error {
		start := p.Clock.Now()
		for wait := firstWait; ; wait = min(2*wait, longestWait) {
			err := p.try(ctx, run, do)
			var arm *rest.Error
			switch {
			case err == nil:
				return nil
			case ctx.Err() != nil:
				return ctx.Err()
			case errors.As(err, &arm) && arm.Status < http.StatusInternalServerError:
				return failed(code, arm)
			case errors.Is(err, store.ErrConflict):
				return err // the operation is somebody else's by now; its engine knows
			}
			run.Log.Warn("part of a cluster's plan failed", "code", code, "error", err)
			if p.Clock.Since(start) >= patience {
				return gaveUp(code, patience, run.Operation)
			}
			select {
			case <-p.Clock.After(wait):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
}

func (p *Provider) try(ctx context.Context, run *providers.Run, do func(context.Context, *work) error) error {
	w, err := p.open(ctx, run)
	if err != nil {
		return err
	}
	return do(ctx, w)
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

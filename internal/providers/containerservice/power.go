package containerservice

import (
	"context"
	"net/http"

	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
)

const (
	powerRunning = "Running"
	powerStopped = "Stopped"
)

// isStopped reports whether the cluster was stopped.
func isStopped(cluster *resource.Resource) bool {
	d, err := parseDocument(cluster.Properties)
	return err == nil && asObject(d["powerState"]).text("code") == powerStopped
}

// running refuses what needs a cluster that runs: while it is stopped it can be started and deleted.
func running(cluster *resource.Resource) *rest.Error {
	if !isStopped(cluster) {
		return nil
	}
	return powerState(cluster, powerStopped, "updating", " Start it first, with az aks start.")
}

func powerState(cluster *resource.Resource, power, doing, advice string) *rest.Error {
	return &rest.Error{Status: http.StatusConflict, Code: "OperationNotAllowed",
		Message: "managed cluster is in Provisioning State(" + cluster.ProvisioningState + ") and Power State(" + power + "), " + doing + " cannot be performed." + advice}
}

// stop ends the cluster's processes and keeps everything else.
func (p *Provider) stop(_ context.Context, r *providers.Request) (rest.Response, error) {
	if isStopped(r.Old) {
		return rest.Response{}, powerState(r.Old, powerStopped, "stopping", "")
	}
	return begin(r, planStop, "Stopping")
}

// start brings a stopped cluster back, with what was in it.
func (p *Provider) start(_ context.Context, r *providers.Request) (rest.Response, error) {
	if !isStopped(r.Old) {
		return rest.Response{}, powerState(r.Old, powerRunning, "starting", "")
	}
	r.Next = r.Old.Clone()
	if err := setPower(r.Next, powerRunning); err != nil {
		return rest.Response{}, err
	}
	return begin(r, planReconcile, "Starting")
}

// begin starts a plan for an action, under a provisioning state of its own.
func begin(r *providers.Request, plan, state string) (rest.Response, error) {
	if err := r.Start(plan, nil); err != nil {
		return rest.Response{}, err
	}
	r.Operation.State = state
	return rest.Empty(http.StatusAccepted), nil
}

func setPower(cluster *resource.Resource, power string) error {
	d, err := parseDocument(cluster.Properties)
	if err != nil {
		return err
	}
	d["powerState"] = document{"code": power}
	for _, pool := range d.objects("agentPoolProfiles") {
		pool["powerState"] = document{"code": power}
	}
	cluster.Properties, err = d.raw()
	return err
}

// stopPlan stops a cluster.
func (p *Provider) stopPlan() providers.Plan {
	return providers.Plan{Name: planStop, Steps: []providers.Step{
		{Name: "processes", Run: p.step("ManagedClusterStopError", long, func(ctx context.Context, w *work) error {
			if err := p.Engine.StopCluster(ctx, w.state.Key); err != nil {
				return err
			}
			return w.update(ctx, func(r *resource.Resource) error { return setPower(r, powerStopped) })
		})},
	}}
}

package containerservice

import (
	"context"
	"time"

	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/clusters/connected"
	"github.com/lanyard-project/lanyard/internal/clusters/objects"
	"github.com/lanyard-project/lanyard/internal/providers"
)

const (
	planConnect    = "connect"
	planDisconnect = "disconnect"
)

// connectedPlans make a connected cluster what its document says, and take away what was made of it. The cluster itself
// stays, whatever becomes of the resource.
func (p *Provider) connectedPlans() []providers.Plan {
	return []providers.Plan{
		{Name: planConnect, Failed: p.reconcileFailed, Steps: []providers.Step{
			{Name: "node-resource-group", Run: p.step("ReconcileResourceGroupError", short, p.ensureNodeResourceGroup)},
			{Name: "control-plane-role", Run: p.step("CreateRoleAssignmentOnMSIError", short, p.ensureRole)},
			{Name: "facts", Run: p.step("ConnectedClusterUnreachable", short, p.lookAgain)},
			{Name: "addons", Run: p.step("ReconcileAddonIdentityError", short, p.ensureAddons)},
			{Name: "pod-identity", Run: p.step("ReconcilePodIdentityAddonError", long, p.ensurePodIdentity)},
		}},
		{Name: planDisconnect, Steps: []providers.Step{
			{Name: "objects", Run: p.step("DisconnectError", long, p.leaveCluster)},
			{Name: "control-plane-role", Run: p.step("DeleteRoleAssignmentError", short, p.revokeRole)},
			{Name: "addons", Run: p.step("DeleteRoleAssignmentError", short, p.revokeAddons)},
			{Name: "node-resource-group", Run: p.step("DeleteResourceGroupError", long, p.deleteNodeResourceGroup)},
			{Name: "identity", Run: p.step("DeleteIdentityError", short, p.deleteIdentity)},
		}},
	}
}

// lookAgain keeps what the cluster says of itself up to date: it is upgraded, and its keys are changed, by others.
func (p *Provider) lookAgain(ctx context.Context, w *work) error {
	k, err := p.way(w.state)
	if err != nil {
		return err
	}
	facts, err := p.Connected.Look(ctx, k)
	if err != nil {
		return err
	}
	return w.update(ctx, func(r *resource.Resource) error { return learn(r, facts) })
}

// learn writes down what the cluster says of itself.
func learn(r *resource.Resource, facts connected.Facts) error {
	s, err := readState(r)
	if err != nil {
		return err
	}
	s.Connected.Cluster, s.Connected.Version, s.Connected.Issuer, s.IssuerKeys = facts.Cluster, facts.Version, facts.Issuer, facts.Keys
	if err := r.Merge(object{"kubernetesVersion": facts.Version, "currentKubernetesVersion": facts.Version}); err != nil {
		return err
	}
	return r.SetInternal(s)
}

// leavePatience is for how long a cluster that is disconnected is asked to take back what was brought into it.
const leavePatience = 2 * time.Minute

// leaveCluster takes out of the cluster what was brought into it. One that can't be reached keeps it: it may be gone for
// good, and must not hold its resource.
func (p *Provider) leaveCluster(ctx context.Context, w *work) error {
	if !w.state.PodIdentity.Installed {
		return nil
	}
	attempt, cancel := context.WithTimeout(ctx, leavePatience)
	defer cancel()
	err := p.uninstallPodIdentity(attempt, w)
	if err != nil && ctx.Err() == nil {
		w.run.Log.WarnContext(ctx, "a connected cluster keeps what was brought into it: its ConfigMaps lanyard-set-* in kube-system name that", "cluster", w.cluster.ID.String(), "error", err)
		return nil
	}
	return err
}

// applyAll applies sets one after the other.
func (p *Provider) applyAll(ctx context.Context, w *work, sets ...objects.Set) error {
	for _, set := range sets {
		if err := p.apply(ctx, w, set); err != nil {
			return err
		}
	}
	return nil
}

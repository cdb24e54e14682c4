package containerservice

import (
	"context"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/rest"
)

// The identities of a cluster are the user's to delete, be it in use or not. An operation makes everything else what it is
// to be first, since certificates are renewed and nodes mended without them too, and then fails and says which is gone.

// controlPlaneThere wants the user's identity that the control plane acts as.
func (p *Provider) controlPlaneThere(ctx context.Context, w *work) error {
	if !w.cluster.Identity.HasUserAssigned() {
		return nil
	}
	for key, had := range w.cluster.Identity.UserAssigned {
		found, err := p.userAssigned(ctx, key)
		if err != nil {
			return explained(err, "Make it again and send the cluster's document again, or give its control plane another identity with az aks update --assign-identity.")
		}
		if !strings.EqualFold(found.ObjectID, had.PrincipalID) {
			return madeAgain(key, "Send the cluster's document again to use the new one.")
		}
	}
	return nil
}

// kubeletThere wants the user's identity that the nodes work as.
func (p *Provider) kubeletThere(ctx context.Context, w *work) error {
	had, ok := p.broughtKubelet(w.cluster.ID, w.is)
	if !ok {
		return nil
	}
	found, err := p.userAssigned(ctx, had.ResourceID)
	if err != nil {
		return explained(err, "Make it again and send the cluster's document again, or give the nodes another identity with az aks update --assign-kubelet-identity.")
	}
	if !strings.EqualFold(found.ObjectID, had.ObjectID) {
		return madeAgain(had.ResourceID, "Send the cluster's document again to use the new one.")
	}
	return nil
}

// explained adds what to do about an identity that is gone.
func explained(err error, advice string) error {
	if !rest.HasCode(err, identityNotFound) {
		return err
	}
	return refused(identityNotFound, rest.AsError(err).Message+" "+advice, "")
}

// madeAgain refuses an identity of the same name that isn't the same: it has another principal, and none of the roles.
func madeAgain(id, advice string) error {
	return refused(identityNotFound, "The identity '"+id+"' that the cluster had was deleted, and one of the same name is another. "+advice, "")
}

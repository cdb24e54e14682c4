package containerservice

import (
	"context"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
)

// Rules choose between what AKS allowed at different times, and how closely its checks are followed. The zero value are
// today's rules, and no check more than the documented walk-throughs pass.
type Rules struct {
	// Of2020 are the rules of the first managed-identity clusters: a cluster's identities can't change, own identities are
	// previews that have to be registered, a cluster that names no identity gets a service principal, and pod identity
	// doesn't work with kubenet.
	Of2020 bool
	// Strict are AKS's checks where a documented walk-through contradicts them: one identity that is both the control
	// plane's and the kubelet's needs Managed Identity Operator over itself, and a system-assigned identity can't be used
	// with kubenet in a brought network.
	Strict bool
	// WithholdNodeImages keeps the next node image back: what needs one to consume is refused.
	WithholdNodeImages bool
}

// The preview features that AKS's identities had.
const (
	featureUserAssigned = namespace + "/UserAssignedIdentityPreview"
	featureKubelet      = namespace + "/CustomKubeletIdentityPreview"
	featureMigrate      = namespace + "/MigrateToMSIClusterPreview"
)

// Features tells which preview features a subscription has registered. *features.Provider is one.
type Features interface {
	Enabled(ctx context.Context, subscription armid.ID, feature string) (bool, error)
	// Require fails with the error that tells how to register.
	Require(ctx context.Context, subscription armid.ID, feature string) error
}

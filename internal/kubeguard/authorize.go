package kubeguard

import (
	"context"

	authorizationv1 "k8s.io/api/authorization/v1"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/rbac"
)

// What AKS says to a request.
const (
	noAccess  = "User does not have access to the resource in Azure. Update role assignment to allow access."
	noOpinion = "Azure does not have opinion for this user."
)

// authorize decides by role assignments, for users whom Entra knows.
func (g *Guard) authorize(_ context.Context, c Cluster, review *authorizationv1.SubjectAccessReview) {
	who, known := g.caller(c, review.Spec)
	switch {
	case !c.AzureRBAC:
		review.Status = authorizationv1.SubjectAccessReviewStatus{} // as if nobody had asked
		return
	case !known:
		review.Status = authorizationv1.SubjectAccessReviewStatus{Reason: noOpinion}
		return
	}
	scope := scopeOf(c.ID, review.Spec)
	for _, action := range dataActions(review.Spec) {
		decision := g.options.Roles.DecideWith(who, rbac.Query{Action: action, Scope: scope, Data: true})
		if decision.Allowed {
			review.Status = authorizationv1.SubjectAccessReviewStatus{Allowed: true, Reason: "Access allowed by Azure RBAC Role Assignment " +
				decision.Assignment.ID.Name() + " to user " + review.Spec.User}
			return
		}
	}
	review.Status = authorizationv1.SubjectAccessReviewStatus{Reason: noAccess}
}

// caller is the principal behind a user of Kubernetes; only authenticate gives users an object ID. Groups are the
// directory's, which the decision adds itself.
func (g *Guard) caller(c Cluster, spec authorizationv1.SubjectAccessReviewSpec) (providers.Caller, bool) {
	ids := spec.Extra[objectIDKey]
	if len(ids) != 1 || ids[0] == "" {
		return providers.Caller{}, false
	}
	return providers.Caller{TenantID: c.TenantID, ObjectID: ids[0], Name: spec.User}, true
}

// scopeOf is where roles are looked for: at the cluster, or at a namespace below it, which inherits the cluster's.
func scopeOf(cluster armid.ID, spec authorizationv1.SubjectAccessReviewSpec) armid.ID {
	if r := spec.ResourceAttributes; r != nil && r.Namespace != "" {
		return cluster.Child("namespaces", r.Namespace)
	}
	return cluster
}

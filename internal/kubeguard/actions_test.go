package kubeguard

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	authorizationv1 "k8s.io/api/authorization/v1"
)

func TestDataActions(t *testing.T) {
	const p = "Microsoft.ContainerService/managedClusters/"
	resource := func(group, resource, subresource, verb string) authorizationv1.SubjectAccessReviewSpec {
		return authorizationv1.SubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{Group: group, Resource: resource, Subresource: subresource, Verb: verb}}
	}
	path := func(path, verb string) authorizationv1.SubjectAccessReviewSpec {
		return authorizationv1.SubjectAccessReviewSpec{NonResourceAttributes: &authorizationv1.NonResourceAttributes{Path: path, Verb: verb}}
	}
	tests := []struct {
		name string
		spec authorizationv1.SubjectAccessReviewSpec
		want []string
	}{
		{"list pods", resource("", "pods", "", "list"), []string{p + "pods/read"}},
		{"read a pod's log", resource("", "pods", "log", "get"), []string{p + "pods/read"}},
		{"run a command in a pod", resource("", "pods", "exec", "create"), []string{p + "pods/exec/action"}},
		{"run a command in a pod by a WebSocket", resource("", "pods", "exec", "get"), []string{p + "pods/exec/action"}},
		{"attach to a pod by a WebSocket", resource("", "pods", "attach", "get"), []string{p + "pods/write"}},
		{"reach the kubelet through its node", resource("", "nodes", "proxy", "get"), []string{p + "nodes/write"}},
		{"forward a port", resource("", "pods", "portforward", "create"), []string{p + "pods/write"}},
		{"scale a deployment", resource("apps", "deployments", "scale", "patch"), []string{p + "apps/deployments/write"}},
		{"delete many", resource("batch", "jobs", "", "deletecollection"), []string{p + "batch/jobs/delete"}},
		{"bind a role", resource("rbac.authorization.k8s.io", "clusterroles", "", "bind"), []string{p + "rbac.authorization.k8s.io/clusterroles/bind/action"}},
		{"impersonate", resource("", "users", "", "impersonate"), []string{p + "users/impersonate/action"}},
		{"a kind of the users' own", resource("aadpodidentity.k8s.io", "azureidentities", "", "get"), []string{p + "aadpodidentity.k8s.io/azureidentities/read"}},
		{"a kind of somebody else's", resource("cert-manager.io", "certificates", "", "get"), []string{p + "cert-manager.io/certificates/read", p + "customresources/read"}},
		{"everything", resource("*", "*", "", "*"), []string{p + "*/*/*"}},
		{"a path", path("/healthz/etcd", "get"), []string{p + "healthz/etcd/read"}},
		{"a path that would leave", path("/../../Microsoft.Compute/disks", "get"), []string{p + "../../Microsoft.Compute/disks/read"}},
		{"nothing", authorizationv1.SubjectAccessReviewSpec{}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, dataActions(tt.spec)); diff != "" {
				t.Errorf("actions (-want +got):\n%s", diff)
			}
		})
	}
}

package kubeguard

import (
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
)

const (
	clusterType = "Microsoft.ContainerService/managedClusters"
	// customResources stands for all kinds that a cluster's users define, which no role can name.
	customResources = "customresources"
)

// dataActions are the names by which roles may allow a request; one of them suffices. A request for everything ("*")
// asks for that letter by letter, so that only a role with a wildcard in its place allows it.
func dataActions(spec authorizationv1.SubjectAccessReviewSpec) []string {
	if n := spec.NonResourceAttributes; n != nil {
		return []string{action(strings.Trim(n.Path, "/"), operation(n.Verb))}
	}
	r := spec.ResourceAttributes
	if r == nil {
		return nil
	}
	operation := operation(r.Verb)
	switch r.Subresource {
	case "exec":
		operation = "exec/action"
	case "attach", "portforward", "proxy":
		// A WebSocket opens these with a GET, but whoever has them acts in the pod, or
		// through the node: no right to read.
		if operation == "read" {
			operation = "write"
		}
	}
	// The parts of an object are written and read as the object is.
	actions := []string{action(r.Group, r.Resource, operation)}
	if isCustom(r.Group) {
		actions = append(actions, action(customResources, operation))
	}
	return actions
}

// action joins the parts that there are. Nothing in them is taken for a path: ".." would leave the cluster's own actions.
func action(parts ...string) string {
	name := clusterType
	for _, part := range parts {
		if part != "" {
			name += "/" + part
		}
	}
	return name
}

// operation is a verb of Kubernetes as Azure's operations are called.
func operation(verb string) string {
	switch verb {
	case "get", "list", "watch", "head":
		return "read"
	case "create", "update", "patch", "post", "put":
		return "write"
	case "delete", "deletecollection":
		return "delete"
	case "*":
		return "*"
	}
	return verb + "/action" // bind, escalate, impersonate, use, approve, sign, …
}

// isCustom reports whether an API group isn't Kubernetes' own: those are short words, or end in .k8s.io.
func isCustom(group string) bool {
	return strings.Contains(group, ".") && !strings.HasSuffix(group, ".k8s.io")
}

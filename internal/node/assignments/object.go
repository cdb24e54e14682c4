package assignments

import (
	"strings"

	"github.com/lanyard-project/lanyard/internal/node/grant"
	"github.com/lanyard-project/lanyard/internal/node/kube"
)

// Path is where the API server lists the objects of all namespaces.
const Path = "/apis/aadpodidentity.k8s.io/v1/azureassignedidentities"

const behaviorAnnotation = "aadpodidentity.k8s.io/Behavior"

// IdentitySpec is the part of an AzureIdentity's spec that the agent needs.
type IdentitySpec struct {
	Type       int    `json:"type"`
	ResourceID string `json:"resourceID"`
	ClientID   string `json:"clientID"`
}

// identity is what the AzureIdentity of a name describes.
func (s IdentitySpec) identity(namespace, name string) grant.Identity {
	if kind := grant.Kind(s.Type); kind != grant.KindManagedIdentity {
		return grant.Identity{Kind: kind, ClientID: s.ClientID, Object: namespace + "/" + name}
	}
	return grant.Identity{ClientID: s.ClientID, ResourceID: s.ResourceID}
}

// Object is an AzureAssignedIdentity, as much of it as the agent needs.
type Object struct {
	kube.Meta `json:"metadata"`
	Spec      struct {
		AzureIdentityRef *struct {
			kube.Meta `json:"metadata"`
			Spec      IdentitySpec `json:"spec"`
		} `json:"azureIdentityRef"`
		AzureBindingRef *struct {
			Spec struct {
				Selector string `json:"selector"`
			} `json:"spec"`
		} `json:"azureBindingRef"`
		Pod          string `json:"pod"`
		PodNamespace string `json:"podNamespace"`
		NodeName     string `json:"nodename"`
	} `json:"spec"`
	Status struct {
		Status string `json:"status"`
	} `json:"status"`
}

// assigned turns an object into what grants are decided on; ok is false if it can't entitle anybody on the node.
func (o Object) assigned(node string) (a grant.Assigned, ok bool) {
	identity, binding := o.Spec.AzureIdentityRef, o.Spec.AzureBindingRef
	if o.Spec.NodeName != node || o.Deleted != nil || identity == nil || binding == nil ||
		o.Spec.Pod == "" || o.Spec.PodNamespace == "" {
		return grant.Assigned{}, false
	}
	return grant.Assigned{
		Identity:          identity.Spec.identity(identity.Namespace, identity.Name),
		IdentityName:      identity.Name,
		IdentityNamespace: identity.Namespace,
		Namespaced:        strings.EqualFold(identity.Annotations[behaviorAnnotation], "namespaced"),
		Selector:          binding.Spec.Selector,
		State:             grant.ParseState(o.Status.Status),
	}, true
}

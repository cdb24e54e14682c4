package broker

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	aadpodid "github.com/lanyard-project/lanyard/api/v1"
)

// nodeLabel is where assigned identities have their pod's node, for whoever selects them.
const nodeLabel = "nodename"

// collection is one kind of objects, of which an agent is told those that concern its node.
type collection struct {
	list func() client.ObjectList
	// of selects the node's own; nil are all.
	of func(node string) client.ListOption
	// byNamespace is of what belongs to no node: the namespaces of the node's pods say whether it is the node's business.
	byNamespace bool
	// slim leaves of an object what agents read, or says that it is none of the node's business.
	slim func(object runtime.Object, s scope) (slim client.Object, ok bool)
}

// collections are what agents may read, by the API server's paths. Nothing else is passed on.
func collections(managed bool) map[string]collection {
	all := map[string]collection{
		"/api/v1/pods": {list: func() client.ObjectList { return &corev1.PodList{} }, of: onNode, slim: slimPod},
		"/apis/aadpodidentity.k8s.io/v1/azurepodidentityexceptions": { // the same for every node
			list: func() client.ObjectList { return &aadpodid.AzurePodIdentityExceptionList{} },
			slim: slimException,
		},
	}
	if !managed {
		all["/apis/aadpodidentity.k8s.io/v1/azureassignedidentities"] = collection{
			list: func() client.ObjectList { return &aadpodid.AzureAssignedIdentityList{} },
			of: func(node string) client.ListOption {
				return client.MatchingLabelsSelector{Selector: labels.SelectorFromSet(labels.Set{nodeLabel: node})}
			},
			slim: slimAssigned,
		}
		return all
	}
	all["/apis/aadpodidentity.k8s.io/v1/azureidentities"] = collection{
		list:        func() client.ObjectList { return &aadpodid.AzureIdentityList{} },
		byNamespace: true, slim: slimIdentity,
	}
	all["/apis/aadpodidentity.k8s.io/v1/azureidentitybindings"] = collection{
		list:        func() client.ObjectList { return &aadpodid.AzureIdentityBindingList{} },
		byNamespace: true, slim: slimBinding,
	}
	return all
}

// options selects the node's objects; what the agent says has no part in it.
func (c collection) options(node string, more client.ListOptions) []client.ListOption {
	options := []client.ListOption{&more}
	if c.of != nil {
		options = append(options, c.of(node))
	}
	return options
}

// slimPod leaves out what containers are run with, above all.
func slimPod(object runtime.Object, s scope) (client.Object, bool) {
	pod, ok := object.(*corev1.Pod)
	if !ok || pod.Spec.NodeName != s.node {
		return nil, false
	}
	slim := &corev1.Pod{ObjectMeta: slimMeta(pod), Spec: corev1.PodSpec{NodeName: s.node, ServiceAccountName: pod.Spec.ServiceAccountName}}
	slim.Labels = pod.Labels // exceptions go by any of them
	return slim, true
}

func slimAssigned(object runtime.Object, s scope) (client.Object, bool) {
	assigned, ok := object.(*aadpodid.AzureAssignedIdentity)
	if !ok || assigned.Spec.NodeName != s.node { // a label is easily wrong
		return nil, false
	}
	slim := &aadpodid.AzureAssignedIdentity{ObjectMeta: slimMeta(assigned), Spec: aadpodid.AzureAssignedIdentitySpec{
		Pod: assigned.Spec.Pod, PodNamespace: assigned.Spec.PodNamespace, NodeName: s.node,
	}}
	slim.Status.Status = assigned.Status.Status
	if identity := assigned.Spec.AzureIdentityRef; identity != nil {
		slim.Spec.AzureIdentityRef = nameOf(identity)
		slim.Spec.AzureIdentityRef.Annotations = identity.Annotations // one confines it to its namespace
	}
	if binding := assigned.Spec.AzureBindingRef; binding != nil {
		slim.Spec.AzureBindingRef = &aadpodid.AzureIdentityBinding{ObjectMeta: slimMeta(binding)}
		slim.Spec.AzureBindingRef.Spec.Selector = binding.Spec.Selector
	}
	return slim, true
}

// nameOf leaves of an identity which one it is in Azure; where its secret is stays with mic.
func nameOf(identity *aadpodid.AzureIdentity) *aadpodid.AzureIdentity {
	return &aadpodid.AzureIdentity{ObjectMeta: slimMeta(identity), Spec: aadpodid.AzureIdentitySpec{
		Type: identity.Spec.Type, ResourceID: identity.Spec.ResourceID, ClientID: identity.Spec.ClientID,
	}}
}

func slimIdentity(object runtime.Object, s scope) (client.Object, bool) {
	identity, ok := object.(*aadpodid.AzureIdentity)
	if !ok || !s.namespaces[identity.Namespace] {
		return nil, false
	}
	return nameOf(identity), true
}

func slimBinding(object runtime.Object, s scope) (client.Object, bool) {
	binding, ok := object.(*aadpodid.AzureIdentityBinding)
	if !ok || !s.namespaces[binding.Namespace] {
		return nil, false
	}
	slim := &aadpodid.AzureIdentityBinding{ObjectMeta: slimMeta(binding)}
	slim.Spec.AzureIdentity, slim.Spec.Selector = binding.Spec.AzureIdentity, binding.Spec.Selector
	return slim, true
}

func slimException(object runtime.Object, _ scope) (client.Object, bool) {
	exception, ok := object.(*aadpodid.AzurePodIdentityException)
	if !ok {
		return nil, false
	}
	slim := &aadpodid.AzurePodIdentityException{ObjectMeta: slimMeta(exception)}
	slim.Spec.PodLabels = exception.Spec.PodLabels
	return slim, true
}

func slimMeta(o metav1.Object) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Name: o.GetName(), Namespace: o.GetNamespace(), UID: o.GetUID(), ResourceVersion: o.GetResourceVersion(),
		CreationTimestamp: o.GetCreationTimestamp(), DeletionTimestamp: o.GetDeletionTimestamp(),
	}
}

// event is a line of a watch.
type event struct {
	Type   watch.EventType `json:"type"`
	Object any             `json:"object"`
}

// tell makes of what the API server says what an agent is told. ok is false for what is none of its business.
func (c collection) tell(e watch.Event, s scope) (told event, ok bool) {
	if status, failed := e.Object.(*metav1.Status); failed {
		return event{watch.Error, map[string]any{"code": status.Code, "message": status.Message}}, true
	}
	object, isObject := e.Object.(client.Object)
	if !isObject {
		return event{}, false
	}
	version := s.give(object.GetResourceVersion())
	if c.byNamespace && e.Type != watch.Bookmark && !s.namespaces[object.GetNamespace()] {
		return event{}, false // not even that it is gone
	}
	switch e.Type {
	case watch.Added, watch.Modified:
		if slim, own := c.slim(object, s); own {
			slim.SetResourceVersion(version)
			return event{e.Type, slim}, true
		}
		return event{watch.Deleted, gone(object, version)}, true // it may have been the node's
	case watch.Deleted:
		return event{watch.Deleted, gone(object, version)}, true
	case watch.Bookmark:
		return event{watch.Bookmark, &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{ResourceVersion: version}}}, true
	case watch.Error:
	}
	return event{}, false
}

// gone names an object and says no more of it.
func gone(object client.Object, version string) *metav1.PartialObjectMetadata {
	named := &metav1.PartialObjectMetadata{ObjectMeta: slimMeta(object)}
	named.ResourceVersion = version
	return named
}

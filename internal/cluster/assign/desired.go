package assign

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"

	aadpodid "github.com/lanyard-project/lanyard/api/v1"
	"github.com/lanyard-project/lanyard/internal/cluster/match"
	"github.com/lanyard-project/lanyard/internal/cluster/scaleset"
)

// sharedNamespace is where assigned identities are that aren't confined to a
// namespace; a node agent finds them there.
const sharedNamespace = "default"

// place is where a pod runs, as far as identities are concerned.
type place struct {
	node string
	// set is the scale set of the node; nil if it isn't known or there is none.
	set *scaleset.ID
	// why is why managed identities can't be assigned there; empty if they can.
	why string
}

// desired returns the object that says that a pod has an identity, without a
// name: that depends on which names are taken.
func (r *Reconciler) desired(pod types.NamespacedName, at place, m match.Match) *aadpodid.AzureAssignedIdentity {
	namespace := sharedNamespace
	if r.Rules.Namespaced(m.Identity) {
		namespace = m.Identity.Namespace
	}
	replicas := int32(1)
	a := &aadpodid.AzureAssignedIdentity{
		ObjectMeta: metav1.ObjectMeta{
			Namespace:   namespace,
			Labels:      labelsOf(pod, at.node),
			Annotations: map[string]string{scaleset.InstanceAnnotation: r.Instance},
			Finalizers:  []string{aadpodid.Finalizer},
		},
		Spec: aadpodid.AzureAssignedIdentitySpec{
			AzureIdentityRef: embedIdentity(m.Identity),
			AzureBindingRef:  embedBinding(m.Binding),
			Pod:              pod.Name,
			PodNamespace:     pod.Namespace,
			NodeName:         at.node,
			Replicas:         &replicas,
		},
		Status: aadpodid.AzureAssignedIdentityStatus{Status: aadpodid.StateAssigned, AvailableReplicas: 1},
	}
	condition := scaleset.Condition(scaleset.ReasonAssigned, "")
	if needsAzure(m.Identity) {
		a.Status.Status = aadpodid.StateCreated
		condition = scaleset.Condition(scaleset.ReasonWaiting, "The identity isn't known to be on the node's scale set yet.")
		if at.set != nil {
			a.Annotations[scaleset.ScaleSetAnnotation] = at.set.String()
		}
		if at.why != "" {
			condition = scaleset.Condition(scaleset.ReasonNotInAzure, at.why)
		}
	}
	condition.LastTransitionTime = metav1.NewTime(r.Clock.Now())
	a.Status.Conditions = []metav1.Condition{condition}
	return a
}

// needsAzure reports whether an identity has to be put on the scale set.
func needsAzure(identity *aadpodid.AzureIdentity) bool {
	return identity.Spec.Type == aadpodid.UserAssignedMSI
}

// labelsOf are the labels by which agents and people find assigned identities.
// A name that doesn't fit into a label is left out: spec has it.
func labelsOf(pod types.NamespacedName, node string) map[string]string {
	labels := map[string]string{}
	for key, value := range map[string]string{
		aadpodid.NodeNameLabel: node, aadpodid.PodNameLabel: pod.Name, aadpodid.PodNamespaceLabel: pod.Namespace,
	} {
		if len(validation.IsValidLabelValue(value)) == 0 {
			labels[key] = value
		}
	}
	return labels
}

// embedIdentity copies what defines an identity. What else is in its metadata
// stays out, so that a touch of an annotation rewrites no assigned identity.
func embedIdentity(i *aadpodid.AzureIdentity) *aadpodid.AzureIdentity {
	c := &aadpodid.AzureIdentity{ObjectMeta: embedMeta(i.ObjectMeta)}
	if behaviour, ok := i.Annotations[aadpodid.BehaviorAnnotation]; ok {
		c.Annotations = map[string]string{aadpodid.BehaviorAnnotation: behaviour}
	}
	c.SetGroupVersionKind(aadpodid.GroupVersion.WithKind("AzureIdentity"))
	i.Spec.DeepCopyInto(&c.Spec)
	c.Spec.Metadata = nil
	return c
}

func embedBinding(b *aadpodid.AzureIdentityBinding) *aadpodid.AzureIdentityBinding {
	c := &aadpodid.AzureIdentityBinding{ObjectMeta: embedMeta(b.ObjectMeta)}
	c.SetGroupVersionKind(aadpodid.GroupVersion.WithKind("AzureIdentityBinding"))
	b.Spec.DeepCopyInto(&c.Spec)
	c.Spec.Metadata = nil
	return c
}

func embedMeta(m metav1.ObjectMeta) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: m.Name, Namespace: m.Namespace, UID: m.UID}
}

// sameAssignment reports whether an existing object is about the same pod,
// place and identity as a desired one, so that it can be updated where it is.
// If anything differs that Azure was told, the old one must go its own way.
func sameAssignment(have, want *aadpodid.AzureAssignedIdentity, at place) bool {
	h, w := have.Spec.AzureIdentityRef, want.Spec.AzureIdentityRef
	if h == nil || have.Namespace != want.Namespace || have.Spec.NodeName != want.Spec.NodeName ||
		h.Namespace != w.Namespace || h.Name != w.Name || needsAzure(h) != needsAzure(w) {
		return false
	}
	if !needsAzure(w) {
		return true
	}
	set := have.Annotations[scaleset.ScaleSetAnnotation]
	return strings.EqualFold(h.Spec.ResourceID, w.Spec.ResourceID) &&
		(set == "" || at.set == nil || set == at.set.String())
}

// update returns what an existing object has to become, or nil if it is right.
func update(have, want *aadpodid.AzureAssignedIdentity) *aadpodid.AzureAssignedIdentity {
	next := have.DeepCopy()
	next.Spec = want.Spec
	for key, value := range want.Labels {
		metav1.SetMetaDataLabel(&next.ObjectMeta, key, value)
	}
	if set := want.Annotations[scaleset.ScaleSetAnnotation]; set != "" {
		metav1.SetMetaDataAnnotation(&next.ObjectMeta, scaleset.ScaleSetAnnotation, set)
	}
	next.Finalizers = withFinalizer(next.Finalizers)
	sameClient := strings.EqualFold(have.Spec.AzureIdentityRef.Spec.ClientID, want.Spec.AzureIdentityRef.Spec.ClientID)
	if have.Status.Status != aadpodid.StateAssigned || !sameClient {
		next.Status.Status, next.Status.AvailableReplicas = want.Status.Status, 1
	}
	if next.Status.Status != have.Status.Status {
		next.Status.Conditions = want.Status.Conditions
	}
	if equality.Semantic.DeepEqual(have, next) {
		return nil
	}
	return next
}

func withFinalizer(finalizers []string) []string {
	for _, f := range finalizers {
		if f == aadpodid.Finalizer {
			return finalizers
		}
	}
	return append(finalizers, aadpodid.Finalizer)
}

// ByPod is the name of the index of assigned identities by the pod that they
// are about; its values are those of PodIndexKey.
const ByPod = "lanyard.pod"

// PodIndexKey returns the pod that an assigned identity is about.
func PodIndexKey(a *aadpodid.AzureAssignedIdentity) []string {
	return []string{match.Key(a.Spec.PodNamespace, a.Spec.Pod)}
}

// nodeOf returns the name of the node of a pod that may be nil.
func nodeOf(pod *corev1.Pod) string {
	if pod == nil {
		return ""
	}
	return pod.Spec.NodeName
}

package match

import (
	corev1 "k8s.io/api/core/v1"

	aadpodid "github.com/lanyard-project/lanyard/api/v1"
)

// Index keys: what a store of these objects has to be indexed by so that a
// change of one object leads to the pods that it concerns, and to no others.

// BindingSelector is the index of bindings by the label value that they apply to.
func BindingSelector(b *aadpodid.AzureIdentityBinding) []string {
	if b.Spec.Selector == "" {
		return nil
	}
	return []string{b.Spec.Selector}
}

// BindingIdentity is the index of bindings by the identity that they name.
func BindingIdentity(b *aadpodid.AzureIdentityBinding) []string {
	if b.Spec.AzureIdentity == "" {
		return nil
	}
	return []string{Key(b.Namespace, b.Spec.AzureIdentity)}
}

// PodLabelValue is the index of pods by the value that bindings select.
func PodLabelValue(p *corev1.Pod) []string {
	value := p.Labels[aadpodid.PodLabel]
	if value == "" {
		return nil
	}
	return []string{value}
}

// PodNode is the index of pods by the node that they run on.
func PodNode(p *corev1.Pod) []string {
	if p.Spec.NodeName == "" {
		return nil
	}
	return []string{p.Spec.NodeName}
}

// Key joins namespace and name; neither may contain a slash.
func Key(namespace, name string) string { return namespace + "/" + name }

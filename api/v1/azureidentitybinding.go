package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// AzureIdentityBinding gives an AzureIdentity to the pods with a label value.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=azureidentitybindings,singular=azureidentitybinding,scope=Namespaced
// +kubebuilder:metadata:annotations="api-approved.kubernetes.io=unapproved"
// +kubebuilder:printcolumn:name="AzureIdentity",type=string,JSONPath=`.spec.azureIdentity`
// +kubebuilder:printcolumn:name="Selector",type=string,JSONPath=`.spec.selector`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type AzureIdentityBinding struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +optional
	Spec AzureIdentityBindingSpec `json:"spec,omitempty"`
	// +optional
	Status AzureIdentityBindingStatus `json:"status,omitempty"`
}

// AzureIdentityBindingSpec is the pair of identity and label value.
//
// +kubebuilder:validation:XValidation:rule="!has(self.selector) || size(self.selector) == 0 || (size(self.selector) <= 63 && self.selector.matches('^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$'))",message="selector can't be the value of a label, so that it would apply to no pod: it isn't a label selector, and has at most 63 letters, digits, '-', '_' and '.'"
type AzureIdentityBindingSpec struct {
	// Metadata is kept for objects that older clients wrote; it has no meaning.
	// +optional
	Metadata *metav1.ObjectMeta `json:"metadata,omitempty"`

	// AzureIdentity is the name of an AzureIdentity in the binding's own namespace.
	// +optional
	AzureIdentity string `json:"azureIdentity,omitempty"`

	// Selector is the value of the pod label aadpodidbinding that this binding
	// applies to, compared for equality; it isn't a label selector. An empty
	// one applies to no pod.
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	Selector string `json:"selector,omitempty"`

	// Weight is accepted and has no meaning.
	// +optional
	Weight int `json:"weight,omitempty"`
}

// AzureIdentityBindingStatus is what the controller has found out about the binding.
type AzureIdentityBindingStatus struct {
	// Metadata is kept for objects that older clients wrote; it has no meaning.
	// +optional
	Metadata *metav1.ObjectMeta `json:"metadata,omitempty"`
	// AvailableReplicas is accepted and has no meaning.
	// +optional
	AvailableReplicas int32 `json:"availableReplicas,omitempty"`

	// ObservedGeneration is the generation of the object that the conditions are about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Conditions is Bound: there is the identity that the binding names.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// AzureIdentityBindingList is a list of AzureIdentityBinding.
//
// +kubebuilder:object:root=true
type AzureIdentityBindingList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []AzureIdentityBinding `json:"items"`
}

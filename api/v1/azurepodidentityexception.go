package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// AzurePodIdentityException lets pods of its namespace reach the node's own
// instance metadata.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=azurepodidentityexceptions,singular=azurepodidentityexception,scope=Namespaced
// +kubebuilder:metadata:annotations="api-approved.kubernetes.io=unapproved"
type AzurePodIdentityException struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +optional
	Spec AzurePodIdentityExceptionSpec `json:"spec,omitempty"`
	// +optional
	Status AzurePodIdentityExceptionStatus `json:"status,omitempty"`
}

// AzurePodIdentityExceptionSpec names the pods.
type AzurePodIdentityExceptionSpec struct {
	// Metadata is kept for objects that older clients wrote; it has no meaning.
	// +optional
	Metadata *metav1.ObjectMeta `json:"metadata,omitempty"`

	// PodLabels are the labels of which a pod must carry at least one.
	// +optional
	PodLabels map[string]string `json:"podLabels,omitempty"`
}

// AzurePodIdentityExceptionStatus is never written.
type AzurePodIdentityExceptionStatus struct {
	// Metadata is kept for objects that older clients wrote; it has no meaning.
	// +optional
	Metadata *metav1.ObjectMeta `json:"metadata,omitempty"`
	// Status is accepted and has no meaning.
	// +optional
	Status string `json:"status,omitempty"`
}

// AzurePodIdentityExceptionList is a list of AzurePodIdentityException.
//
// +kubebuilder:object:root=true
type AzurePodIdentityExceptionList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []AzurePodIdentityException `json:"items"`
}

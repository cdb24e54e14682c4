package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// AzureAssignedIdentity says that one pod has one identity. Only mic writes it.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=azureassignedidentities,singular=azureassignedidentity,scope=Namespaced
// +kubebuilder:metadata:annotations="api-approved.kubernetes.io=unapproved"
type AzureAssignedIdentity struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +optional
	Spec AzureAssignedIdentitySpec `json:"spec,omitempty"`
	// +optional
	Status AzureAssignedIdentityStatus `json:"status,omitempty"`
}

// AzureAssignedIdentitySpec is the pod, its node, and what it was matched by.
type AzureAssignedIdentitySpec struct {
	// Metadata is kept for objects that older clients wrote; it has no meaning.
	// +optional
	Metadata *metav1.ObjectMeta `json:"metadata,omitempty"`

	// AzureIdentityRef is the AzureIdentity as it was when it was given to the pod.
	// +optional
	// +kubebuilder:validation:EmbeddedResource
	AzureIdentityRef *AzureIdentity `json:"azureIdentityRef,omitempty"`

	// AzureBindingRef is the AzureIdentityBinding that gave it.
	// +optional
	// +kubebuilder:validation:EmbeddedResource
	AzureBindingRef *AzureIdentityBinding `json:"azureBindingRef,omitempty"`

	// Pod is the pod's name.
	// +optional
	Pod string `json:"pod,omitempty"`
	// PodNamespace is the pod's namespace.
	// +optional
	PodNamespace string `json:"podNamespace,omitempty"`
	// NodeName is the node that the pod runs on. On the wire it is nodename.
	// +optional
	NodeName string `json:"nodename,omitempty"`

	// Replicas is accepted and has no meaning.
	// +optional
	// +nullable
	Replicas *int32 `json:"replicas,omitempty"`
}

// AzureAssignedIdentityStatus is how far the assignment has come.
type AzureAssignedIdentityStatus struct {
	// Metadata is kept for objects that older clients wrote; it has no meaning.
	// +optional
	Metadata *metav1.ObjectMeta `json:"metadata,omitempty"`

	// Status is Created, Assigned or Unassigned.
	// +optional
	Status string `json:"status,omitempty"`
	// AvailableReplicas is 1 once the object was written by the controller.
	// +optional
	AvailableReplicas int32 `json:"availableReplicas,omitempty"`

	// Conditions is Assigned, which says why an identity isn't assigned yet. The
	// status of this kind is written together with the rest, as it always was.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// AzureAssignedIdentityList is a list of AzureAssignedIdentity.
//
// +kubebuilder:object:root=true
type AzureAssignedIdentityList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []AzureAssignedIdentity `json:"items"`
}

package v1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// IdentityType says what stands behind an AzureIdentity.
type IdentityType int

const (
	// UserAssignedMSI is a user-assigned managed identity, named by resourceID.
	UserAssignedMSI IdentityType = 0
	// ServicePrincipal is an application with a client secret in a Secret.
	ServicePrincipal IdentityType = 1
	// ServicePrincipalCertificate is an application with a certificate in a Secret.
	ServicePrincipalCertificate IdentityType = 2
	// WorkloadIdentity is an application or managed identity that trusts the pod's
	// service account by a federated credential; nothing is stored and nothing is
	// put on nodes.
	WorkloadIdentity IdentityType = 3
)

// AzureIdentity is an identity in Microsoft Entra that pods may be given.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=azureidentities,singular=azureidentity,scope=Namespaced
// +kubebuilder:metadata:annotations="api-approved.kubernetes.io=unapproved"
// +kubebuilder:printcolumn:name="Type",type=string,JSONPath=`.spec.type`
// +kubebuilder:printcolumn:name="ClientID",type=string,JSONPath=`.spec.clientID`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type AzureIdentity struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +optional
	Spec AzureIdentitySpec `json:"spec,omitempty"`
	// +optional
	Status AzureIdentityStatus `json:"status,omitempty"`
}

// AzureIdentitySpec says which identity it is and how to sign in as it. What
// can be seen to be wrong from the object alone is refused when it is written;
// an object that was stored before is left alone until its spec changes.
//
// +kubebuilder:validation:XValidation:rule="!has(self.type) || self.type in [0, 1, 2, 3]",message="type has to be 0 (managed identity), 1 (service principal with secret), 2 (with certificate) or 3 (workload identity)"
// +kubebuilder:validation:XValidation:rule="(has(self.type) && self.type != 0) || !has(self.resourceID) || size(self.resourceID) == 0 || self.resourceID.matches('(?i)^/subscriptions/[^/]+/resourcegroups/[^/]+/providers/microsoft[.]managedidentity/userassignedidentities/[^/]+/?$')",message="resourceID has to look like /subscriptions/<id>/resourcegroups/<group>/providers/Microsoft.ManagedIdentity/userAssignedIdentities/<name>"
// +kubebuilder:validation:XValidation:rule="!has(self.type) || self.type == 0 || (has(self.clientID) && size(self.clientID) > 0)",message="clientID is needed for types 1, 2 and 3"
// +kubebuilder:validation:XValidation:rule="!has(self.type) || !(self.type in [1, 2]) || (has(self.clientPassword) && has(self.clientPassword.name) && size(self.clientPassword.name) > 0)",message="clientPassword.name, the Secret with the credential, is needed for types 1 and 2"
type AzureIdentitySpec struct {
	// Metadata is kept for objects that older clients wrote; it has no meaning.
	// +optional
	Metadata *metav1.ObjectMeta `json:"metadata,omitempty"`

	// Type is 0 for a user-assigned managed identity (the default), 1 for a
	// service principal with a client secret, 2 for one with a certificate, 3 for
	// a workload identity: an application or managed identity with a federated
	// credential for the pod's service account.
	// +optional
	Type IdentityType `json:"type,omitempty"`

	// ResourceID is the Azure resource ID of the user-assigned managed identity
	// (type 0), in any letter case:
	// /subscriptions/<id>/resourcegroups/<group>/providers/Microsoft.ManagedIdentity/userAssignedIdentities/<name>
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	ResourceID string `json:"resourceID,omitempty"`

	// ClientID is the client (application) ID of the identity. For type 0 it
	// must be the one of ResourceID: tokens are refused while it isn't.
	// +optional
	ClientID string `json:"clientID,omitempty"`

	// ClientPassword names the Secret with the client secret (type 1, key
	// clientSecret) or with certificate and password (type 2). It has to be in
	// the AzureIdentity's own namespace.
	// +optional
	ClientPassword corev1.SecretReference `json:"clientPassword,omitempty"`

	// TenantID is the tenant to sign in to (types 1, 2 and 3); empty means the
	// cluster's.
	// +optional
	TenantID string `json:"tenantID,omitempty"`

	// AuxiliaryTenantIDs is accepted and has no meaning.
	// +optional
	// +nullable
	AuxiliaryTenantIDs []string `json:"auxiliaryTenantIDs,omitempty"`

	// ADResourceID is accepted and has no meaning.
	// +optional
	ADResourceID string `json:"adResourceID,omitempty"`

	// ADEndpoint is the sign-in authority for types 1, 2 and 3, one that mic is
	// allowed to use; empty means the cluster's cloud's.
	// +optional
	ADEndpoint string `json:"adEndpoint,omitempty"`

	// Replicas is accepted and has no meaning.
	// +optional
	// +nullable
	Replicas *int32 `json:"replicas,omitempty"`
}

// AzureIdentityStatus is what the controller has found out about the identity.
type AzureIdentityStatus struct {
	// Metadata is kept for objects that older clients wrote; it has no meaning.
	// +optional
	Metadata *metav1.ObjectMeta `json:"metadata,omitempty"`
	// AvailableReplicas is accepted and has no meaning.
	// +optional
	AvailableReplicas int32 `json:"availableReplicas,omitempty"`

	// ObservedGeneration is the generation of the object that the conditions are about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Conditions are Valid (pods can be given the identity as the object stands)
	// and, for type 0, Verified (Azure has it, and clientID is that of resourceID).
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// AzureIdentityList is a list of AzureIdentity.
//
// +kubebuilder:object:root=true
type AzureIdentityList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []AzureIdentity `json:"items"`
}

// Package v1 holds the kinds of the aadpodidentity.k8s.io/v1 API group.
//
// They are the kinds of the archived aad-pod-identity, field by field, so that
// the objects, manifests and tools of its users keep working: field names
// (including the lower-case nodename), printer columns, the absence of a status
// subresource (a JSON patch of /status on the main resource works), finalizer,
// label and annotation strings.
//
// Who writes what: users write AzureIdentity, AzureIdentityBinding and
// AzurePodIdentityException. mic alone writes AzureAssignedIdentity; nmi reads
// it and gives a pod no token without one in state Assigned.
//
// The package guarantees the wire format and nothing else: that an identity's
// clientID belongs to its resourceID is checked by mic, never assumed here.
// It imports nothing of this project and may be used by other programs.
//
// +kubebuilder:object:generate=true
// +groupName=aadpodidentity.k8s.io
package v1

package v1

// Strings that programs other than ours depend on; none may change.
const (
	// PodLabel is the pod label whose value a binding's selector is compared with.
	PodLabel = "aadpodidbinding"

	// BehaviorAnnotation on an AzureIdentity, with the value
	// BehaviorNamespaced, confines that identity to pods of its own namespace.
	BehaviorAnnotation = "aadpodidentity.k8s.io/Behavior"
	// BehaviorNamespaced is the only known value of BehaviorAnnotation.
	BehaviorNamespaced = "namespaced"

	// Finalizer keeps an AzureAssignedIdentity until its identity has left the
	// scale set, or another user of it keeps it there.
	Finalizer = "azureassignedidentity.finalizers.aadpodidentity.k8s.io"

	// NodeNameLabel on an AzureAssignedIdentity repeats spec.nodename, so that
	// a node's agent can watch its own objects only.
	NodeNameLabel = "nodename"
	// PodNameLabel and PodNamespaceLabel repeat spec.pod and spec.podNamespace
	// where these fit into a label.
	PodNameLabel      = "podname"
	PodNamespaceLabel = "podnamespace"
)

// States of an AzureAssignedIdentity, in status.status.
const (
	// StateCreated: the object exists, the identity isn't confirmed on the
	// scale set. No token yet.
	StateCreated = "Created"
	// StateAssigned: the identity is on the scale set and its clientID is the
	// one that the AzureIdentity names. Tokens may be issued.
	StateAssigned = "Assigned"
	// StateUnassigned: the pod has lost the identity, the object is about to
	// go. No token any more.
	StateUnassigned = "Unassigned"
)

// Types of conditions.
const (
	// ConditionAssigned of an AzureAssignedIdentity: the pod can have tokens; if
	// not, the reason and message say what is missing.
	ConditionAssigned = "Assigned"
	// ConditionValid of an AzureIdentity: pods can be given it as the object stands.
	ConditionValid = "Valid"
	// ConditionVerified of an AzureIdentity of type 0: it has been put on a scale
	// set, and Azure's client ID for it is the one that the object says.
	ConditionVerified = "Verified"
	// ConditionBound of an AzureIdentityBinding: the identity that it names exists.
	ConditionBound = "Bound"
)

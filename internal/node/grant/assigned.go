package grant

import (
	"strings"
)

// State is where an assignment stands.
type State int

// The states. The zero value can't be used for anything.
const (
	StateOther    State = iota
	StateCreated        // the cloud hasn't confirmed it yet
	StateAssigned       // usable
	StateMissing        // a binding names an identity that isn't there
)

// ParseState reads status.status. Empty was written by very old controllers and means assigned.
func ParseState(text string) State {
	switch text {
	case "Assigned", "":
		return StateAssigned
	case "Created":
		return StateCreated
	default: // Unassigned, or something that we don't know
		return StateOther
	}
}

// Kind is spec.type of an AzureIdentity.
type Kind int

// The kinds of identities.
const (
	KindManagedIdentity Kind = iota
	KindServicePrincipalSecret
	KindServicePrincipalCertificate
	KindWorkloadIdentity
)

// Identity is an identity that can be assigned.
type Identity struct {
	Kind       Kind
	ClientID   string
	ResourceID string
	// Object names the AzureIdentity ("namespace/name") of a kind that mic gets the tokens of. Empty for managed identities,
	// which are the same whoever describes them.
	Object string
}

// Key is a canonical name.
func (i Identity) Key() string {
	return strings.ToLower(i.ResourceID + " " + i.ClientID + " " + i.Object)
}

// Same reports whether two describe one identity.
func (i Identity) Same(other Identity) bool {
	return i.Kind == other.Kind && strings.EqualFold(i.ClientID, other.ClientID) &&
		strings.EqualFold(i.ResourceID, other.ResourceID) && i.Object == other.Object
}

// Assigned is one AzureAssignedIdentity, or one AzureIdentityBinding with the AzureIdentity that it names.
type Assigned struct {
	Identity Identity
	// IdentityName and IdentityNamespace name the AzureIdentity.
	IdentityName, IdentityNamespace string
	// Namespaced is the identity's own wish to be used in its namespace only.
	Namespaced bool
	// Selector is the value of the pod's label that the binding selects.
	Selector string
	State    State
}

package scaleset

import (
	"maps"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/compute/armcompute/v7"
	"k8s.io/utils/ptr"
)

// State is what Azure says about the identities of a scale set or machine.
type State struct {
	// System reports whether there is a system-assigned identity too.
	System bool
	// ClientIDs has the client ID of each user-assigned identity by its
	// resource ID in lower case.
	ClientIDs map[string]string
	// ETag guards the next PATCH; empty where the service gives none.
	ETag string
	// Deleting reports that the scale set is going away.
	Deleting bool
	// Updating reports that an operation is under way, perhaps one of a mic that
	// has died since: what isn't there may be yet to come.
	Updating bool
}

// Change adds one identity to a scale set or removes it.
type Change struct {
	Identity string // resource ID in lower case
	Remove   bool
}

func stateOfSet(set armcompute.VirtualMachineScaleSet) State {
	s := State{ETag: ptr.Deref(set.Etag, ""), ClientIDs: map[string]string{}}
	if p := set.Properties; p != nil {
		s.provisioning(p.ProvisioningState)
	}
	if i := set.Identity; i != nil {
		s.read(i.Type, i.UserAssignedIdentities)
	}
	return s
}

func stateOfMachine(vm armcompute.VirtualMachine) State {
	s := State{ETag: ptr.Deref(vm.Etag, ""), ClientIDs: map[string]string{}}
	if p := vm.Properties; p != nil {
		s.provisioning(p.ProvisioningState)
	}
	if i := vm.Identity; i != nil {
		s.read(i.Type, i.UserAssignedIdentities)
	}
	return s
}

func (s *State) provisioning(state *string) {
	s.Deleting = strings.EqualFold(ptr.Deref(state, ""), "Deleting")
	s.Updating = strings.EqualFold(ptr.Deref(state, ""), "Updating")
}

func (s *State) read(kind *armcompute.ResourceIdentityType, identities map[string]*armcompute.UserAssignedIdentitiesValue) {
	s.System = strings.Contains(string(ptr.Deref(kind, "")), string(armcompute.ResourceIdentityTypeSystemAssigned))
	for id, value := range identities {
		clientID := ""
		if value != nil {
			clientID = ptr.Deref(value.ClientID, "")
		}
		s.ClientIDs[strings.ToLower(id)] = clientID
	}
}

// patchBody returns the identity block that makes the changes and touches
// nothing else. Identities that it doesn't mention stay; null removes. When
// none is left the type has to say so, and the map must be absent.
func (s State) patchBody(changes []Change) (armcompute.ResourceIdentityType, map[string]*armcompute.UserAssignedIdentitiesValue) {
	left := map[string]string{}
	maps.Copy(left, s.ClientIDs)
	body := map[string]*armcompute.UserAssignedIdentitiesValue{}
	for _, c := range changes {
		if c.Remove {
			delete(left, c.Identity)
			body[c.Identity] = nil
		} else {
			left[c.Identity] = ""
			body[c.Identity] = &armcompute.UserAssignedIdentitiesValue{}
		}
	}
	var kind armcompute.ResourceIdentityType
	switch {
	case len(left) > 0 && s.System:
		kind = armcompute.ResourceIdentityTypeSystemAssignedUserAssigned
	case len(left) > 0:
		kind = armcompute.ResourceIdentityTypeUserAssigned
	case s.System:
		kind, body = armcompute.ResourceIdentityTypeSystemAssigned, nil
	default:
		kind, body = armcompute.ResourceIdentityTypeNone, nil
	}
	return kind, body
}

func sortChanges(changes []Change) {
	slices.SortFunc(changes, func(a, b Change) int { return strings.Compare(a.Identity, b.Identity) })
}

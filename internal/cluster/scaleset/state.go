package scaleset

import (
	"maps"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/compute/armcompute/v7"
)

// State is what Azure says about the identities of a scale set.
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
}

// Change adds one identity to a scale set or removes it.
type Change struct {
	Identity string // resource ID in lower case
	Remove   bool
}

func stateOf(vmss armcompute.VirtualMachineScaleSet) State {
	s := State{ClientIDs: map[string]string{}}
	if vmss.Etag != nil {
		s.ETag = *vmss.Etag
	}
	if p := vmss.Properties; p != nil && p.ProvisioningState != nil {
		s.Deleting = strings.EqualFold(*p.ProvisioningState, "Deleting")
	}
	if vmss.Identity == nil {
		return s
	}
	if t := vmss.Identity.Type; t != nil {
		s.System = strings.Contains(string(*t), string(armcompute.ResourceIdentityTypeSystemAssigned))
	}
	for id, value := range vmss.Identity.UserAssignedIdentities {
		clientID := ""
		if value != nil && value.ClientID != nil {
			clientID = *value.ClientID
		}
		s.ClientIDs[strings.ToLower(id)] = clientID
	}
	return s
}

// patchBody returns the identity block that makes the changes and touches
// nothing else. Identities that it doesn't mention stay; null removes. When
// none is left the type has to say so, and the map must be absent.
func (s State) patchBody(changes []Change) *armcompute.VirtualMachineScaleSetIdentity {
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
	return &armcompute.VirtualMachineScaleSetIdentity{Type: &kind, UserAssignedIdentities: body}
}

func sortChanges(changes []Change) {
	slices.SortFunc(changes, func(a, b Change) int { return strings.Compare(a.Identity, b.Identity) })
}

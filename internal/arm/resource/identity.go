package resource

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
)

// Identity types as ARM spells them.
const (
	IdentityNone                       = "None"
	IdentitySystemAssigned             = "SystemAssigned"
	IdentityUserAssigned               = "UserAssigned"
	IdentitySystemAssignedUserAssigned = "SystemAssigned, UserAssigned"
)

// Identity is a resource's identity block.
type Identity struct {
	Type        string `json:"type"`
	PrincipalID string `json:"principalId,omitempty"`
	TenantID    string `json:"tenantId,omitempty"`
	// UserAssigned is keyed by resource ID in its displayed casing. In a document
	// that a client sent as a PATCH a nil value means "remove".
	UserAssigned map[string]*UserAssignedIdentity `json:"userAssignedIdentities,omitempty"`
}

// UserAssignedIdentity is what a resource knows of an identity assigned to it.
type UserAssignedIdentity struct {
	ClientID    string `json:"clientId,omitempty"`
	PrincipalID string `json:"principalId,omitempty"`
}

// Clone returns a deep copy.
func (i *Identity) Clone() *Identity {
	if i == nil {
		return nil
	}
	out := *i
	out.UserAssigned = maps.Clone(i.UserAssigned)
	for key, value := range out.UserAssigned {
		if value != nil {
			v := *value
			out.UserAssigned[key] = &v
		}
	}
	return &out
}

// HasSystemAssigned reports whether the type includes the resource's own identity.
func (i *Identity) HasSystemAssigned() bool { return i.has("systemassigned") }

// HasUserAssigned reports whether the type includes user-assigned identities.
func (i *Identity) HasUserAssigned() bool { return i.has("userassigned") }

func (i *Identity) has(kind string) bool {
	if i == nil {
		return false
	}
	for part := range strings.SplitSeq(i.Type, ",") {
		if strings.EqualFold(strings.TrimSpace(part), kind) {
			return true
		}
	}
	return false
}

// Keys returns the user-assigned identities' IDs as displayed, sorted.
func (i *Identity) Keys() []string {
	if i == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(i.UserAssigned))
}

// Find returns the displayed key and the entry of an identity, whatever its casing.
func (i *Identity) Find(id armid.ID) (string, *UserAssignedIdentity) {
	if i == nil {
		return "", nil
	}
	for key, value := range i.UserAssigned {
		if strings.EqualFold(key, id.Key()) {
			return key, value
		}
	}
	return "", nil
}

// Assign adds the identity, or refreshes the entry it has already.
func (i *Identity) Assign(id armid.ID, entry UserAssignedIdentity) {
	key, _ := i.Find(id)
	if key == "" {
		key = id.String()
	}
	if i.UserAssigned == nil {
		i.UserAssigned = map[string]*UserAssignedIdentity{}
	}
	i.UserAssigned[key] = &entry
}

// Unassign removes the identity and reports whether it was there.
func (i *Identity) Unassign(id armid.ID) bool {
	key, _ := i.Find(id)
	if key == "" {
		return false
	}
	delete(i.UserAssigned, key)
	return true
}

// patchIdentity applies the identity block of a PATCH: an identity with a value
// is added, with null removed, one that isn't mentioned stays.
func patchIdentity(old *Identity, raw json.RawMessage) (*Identity, error) {
	var patch Identity
	if err := json.Unmarshal(raw, &patch); err != nil {
		return nil, err
	}
	out := old.Clone()
	if out == nil {
		out = &Identity{}
	}
	if patch.Type != "" {
		out.Type = patch.Type
	}
	for key, value := range patch.UserAssigned {
		id, err := armid.Parse(key)
		if err != nil {
			// The provider has its own error for it, so it must see the key.
			if out.UserAssigned == nil {
				out.UserAssigned = map[string]*UserAssignedIdentity{}
			}
			out.UserAssigned[key] = value
			continue
		}
		if value == nil {
			out.Unassign(id)
		} else if stored, _ := out.Find(id); stored == "" {
			out.Assign(id, UserAssignedIdentity{})
		}
	}
	if !out.HasUserAssigned() {
		out.UserAssigned = nil
	}
	return out, nil
}

package resource

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
)

// readOnly reports whether clients echo the member but only the server decides it.
func readOnly(member string) bool {
	switch strings.ToLower(member) {
	case "id", "name", "type", "etag", "systemdata":
		return true
	}
	return false
}

// FromPut reads the body of a PUT: what the resource is to become. Server-side
// state of old, which is nil on creation, is carried over; what the client left
// out is gone.
func FromPut(id armid.ID, old *Resource, body json.RawMessage) (*Resource, error) {
	next := &Resource{ID: id}
	if old != nil {
		next.ID = old.ID
		next.Location = old.Location
		next.ManagedBy = old.ManagedBy
		next.Internal = old.Internal
		next.Operation = old.Operation
		next.SystemData = old.SystemData
		next.ProvisioningState = old.ProvisioningState
		next.Revision = old.Revision
	}
	members, err := object(body)
	if err != nil {
		return nil, err
	}
	for name, raw := range members {
		if err := next.put(name, raw); err != nil {
			return nil, err
		}
	}
	return next, nil
}

// FromPatch reads the body of a PATCH and applies it to a copy of old: tags are
// replaced as a set, identities are added and removed one by one, everything
// else is a merge patch in which null removes.
func FromPatch(old *Resource, body json.RawMessage) (*Resource, error) {
	next := old.Clone()
	members, err := object(body)
	if err != nil {
		return nil, err
	}
	for name, raw := range members {
		switch lower := strings.ToLower(name); {
		case lower == "identity":
			if next.Identity, err = patchIdentity(old.Identity, raw); err != nil {
				return nil, fmt.Errorf("reading 'identity': %w", err)
			}
		case lower == "properties" && string(raw) != "null":
			if next.Properties, err = mergePatch(next.Properties, raw); err != nil {
				return nil, err
			}
			next.Properties, err = mergePatch(next.Properties, json.RawMessage(`{"provisioningState":null}`))
			if err != nil {
				return nil, err
			}
		case lower == "location" && string(raw) == "null":
		default:
			if err := next.put(name, raw); err != nil {
				return nil, err
			}
		}
	}
	return next, nil
}

func object(body json.RawMessage) (map[string]json.RawMessage, error) {
	members := map[string]json.RawMessage{}
	if err := json.Unmarshal(body, &members); err != nil {
		return nil, fmt.Errorf("reading the body: %w", err)
	}
	// After Unmarshal, which bounds the depth.
	return members, unambiguous(body)
}

// put takes over one top-level member. Known members are matched in any casing,
// as Azure does; null is the same as absent.
func (r *Resource) put(name string, raw json.RawMessage) error {
	if string(raw) == "null" {
		if strings.EqualFold(name, "tags") {
			r.Tags = nil
		}
		return nil
	}
	var into any
	switch strings.ToLower(name) {
	case "location":
		into = &r.Location
	case "kind":
		into = &r.Kind
	case "managedby":
		into = &r.ManagedBy
	case "tags":
		r.Tags = nil
		into = &r.Tags
	case "identity":
		into = &r.Identity
	case "zones":
		into = &r.Zones
	case "sku":
		r.SKU = raw // Unmarshal would write over what a copy shares with the document that was read
		return nil
	case "plan":
		r.Plan = raw
		return nil
	case "properties":
		return r.putProperties(raw)
	default:
		if !readOnly(name) {
			if r.Extra == nil {
				r.Extra = map[string]json.RawMessage{}
			}
			r.Extra[name] = raw
		}
		return nil
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("reading '%s': %w", name, err)
	}
	return nil
}

// putProperties takes the properties without the state, which is the server's.
func (r *Resource) putProperties(raw json.RawMessage) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return fmt.Errorf("reading 'properties': %w", err)
	}
	r.Properties = raw
	if _, ok := members["provisioningState"]; !ok {
		return nil
	}
	delete(members, "provisioningState")
	var err error
	if r.Properties, err = json.Marshal(members); err != nil {
		return fmt.Errorf("writing a document: %w", err)
	}
	return nil
}

package resource

import (
	"encoding/json"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
)

// Provisioning states. Types may use more; anything that isn't one of the three
// terminal ones means that an operation is under way.
const (
	Succeeded = "Succeeded"
	Failed    = "Failed"
	Canceled  = "Canceled"
	Creating  = "Creating"
	Updating  = "Updating"
	Deleting  = "Deleting"
)

// Resource is one resource's document.
type Resource struct {
	ID        armid.ID
	Location  string
	Kind      string
	ManagedBy string
	Tags      map[string]string
	Identity  *Identity
	SKU       json.RawMessage
	Plan      json.RawMessage
	Zones     []string
	// Extra holds the top-level members that have no field here.
	Extra map[string]json.RawMessage
	// Properties is a JSON object, or nil.
	Properties json.RawMessage
	// ProvisioningState is shown as properties.provisioningState, unless the type hides it.
	ProvisioningState string
	// Internal is the provider's own state as a JSON object; clients never see it.
	Internal json.RawMessage
	// Operation is the ID of the long-running operation under way, or "".
	Operation  string
	SystemData SystemData
	// Revision is the store's; it makes the ETag. Zero: not stored yet.
	Revision int64
	// Shown keeps the encoding of a document as it was read, for who reads it next.
	// Copies have none.
	Shown *Shown
}

// Shown is one encoding of a document.
type Shown struct {
	raw atomic.Pointer[json.RawMessage]
}

// Wire returns the encoding that is kept, or keeps the one that encode makes.
func (s *Shown) Wire(encode func() (json.RawMessage, error)) (json.RawMessage, error) {
	if s == nil {
		return encode()
	}
	if known := s.raw.Load(); known != nil {
		return *known, nil
	}
	raw, err := encode()
	if err == nil {
		s.raw.Store(&raw)
	}
	return raw, err
}

// SystemData says who wrote the resource first and last.
type SystemData struct {
	CreatedBy          string    `json:"createdBy,omitempty"`
	CreatedByType      string    `json:"createdByType,omitempty"`
	CreatedAt          time.Time `json:"createdAt"`
	LastModifiedBy     string    `json:"lastModifiedBy,omitempty"`
	LastModifiedByType string    `json:"lastModifiedByType,omitempty"`
	LastModifiedAt     time.Time `json:"lastModifiedAt"`
}

// Busy reports whether a long-running operation is under way.
func (r *Resource) Busy() bool { return r.Operation != "" }

// Clone returns a copy that shares nothing which is changed in place.
func (r *Resource) Clone() *Resource {
	if r == nil {
		return nil
	}
	out := *r
	out.Shown = nil
	out.Tags = maps.Clone(r.Tags)
	out.Extra = maps.Clone(r.Extra)
	out.Zones = slices.Clone(r.Zones)
	out.Identity = r.Identity.Clone()
	return &out
}

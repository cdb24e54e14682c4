package resource

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
)

// stored is the document in etcd.
type stored struct {
	ID                string                     `json:"id"`
	Location          string                     `json:"location,omitempty"`
	Kind              string                     `json:"kind,omitempty"`
	ManagedBy         string                     `json:"managedBy,omitempty"`
	Tags              map[string]string          `json:"tags,omitzero"`
	Identity          *Identity                  `json:"identity,omitempty"`
	SKU               json.RawMessage            `json:"sku,omitempty"`
	Plan              json.RawMessage            `json:"plan,omitempty"`
	Zones             []string                   `json:"zones,omitzero"`
	Extra             map[string]json.RawMessage `json:"extra,omitempty"`
	Properties        json.RawMessage            `json:"properties,omitempty"`
	ProvisioningState string                     `json:"provisioningState,omitempty"`
	Internal          json.RawMessage            `json:"internal,omitempty"`
	Operation         string                     `json:"operation,omitempty"`
	SystemData        SystemData                 `json:"systemData"`
}

// Store encodes the whole document for the store.
func (r *Resource) Store() ([]byte, error) {
	raw, err := json.Marshal(stored{
		ID: r.ID.String(), Location: r.Location, Kind: r.Kind, ManagedBy: r.ManagedBy, Tags: r.Tags, Identity: r.Identity,
		SKU: r.SKU, Plan: r.Plan, Zones: r.Zones, Extra: r.Extra, Properties: r.Properties, ProvisioningState: r.ProvisioningState,
		Internal: r.Internal, Operation: r.Operation, SystemData: r.SystemData,
	})
	if err != nil {
		return nil, fmt.Errorf("encoding %s: %w", r.ID, err)
	}
	return raw, nil
}

// Load decodes a document from the store. revision is the item's.
func Load(raw []byte, revision int64) (*Resource, error) {
	var s stored
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, fmt.Errorf("decoding a stored resource: %w", err)
	}
	id, err := armid.Parse(s.ID)
	if err != nil {
		return nil, fmt.Errorf("decoding a stored resource: %w", err)
	}
	return &Resource{
		ID: id, Location: s.Location, Kind: s.Kind, ManagedBy: s.ManagedBy, Tags: s.Tags, Identity: s.Identity,
		SKU: s.SKU, Plan: s.Plan, Zones: s.Zones, Extra: s.Extra, Properties: s.Properties, ProvisioningState: s.ProvisioningState,
		Internal: s.Internal, Operation: s.Operation, SystemData: s.SystemData, Revision: revision,
	}, nil
}

// ETag writes a revision as an entity tag, quotes included.
func ETag(revision int64) string { return `"` + strconv.FormatInt(revision, 16) + `"` }

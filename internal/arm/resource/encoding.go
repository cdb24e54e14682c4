package resource

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

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

// WireOptions say how a type shows itself.
type WireOptions struct {
	ID        string // as the type spells it; empty means the document's own
	Type      string // likewise
	HideState bool   // no properties.provisioningState
	ETag      bool   // an "etag" member
	AlwaysTag bool   // "tags":{} even when there are none
	NoSystem  bool   // no systemData
	Expand    bool   // createdTime, changedTime and provisioningState at the top level, as $expand asks
}

// Wire encodes the document for clients.
func (r *Resource) Wire(o WireOptions) (json.RawMessage, error) {
	doc := maps.Clone(r.Extra)
	if doc == nil {
		doc = map[string]json.RawMessage{}
	}
	var failed error
	put := func(name string, value any) {
		raw, err := json.Marshal(value)
		if err != nil {
			failed = fmt.Errorf("encoding %s of %s: %w", name, r.ID, err)
		}
		doc[name] = raw
	}
	put("id", firstOf(o.ID, r.ID.String()))
	put("name", r.ID.Name())
	put("type", firstOf(o.Type, r.ID.Type()))
	putText := func(name, value string) {
		if value != "" {
			put(name, value)
		}
	}
	putText("location", r.Location)
	putText("kind", r.Kind)
	putText("managedBy", r.ManagedBy)
	if len(r.Tags) > 0 {
		put("tags", r.Tags)
	} else if o.AlwaysTag {
		put("tags", struct{}{})
	}
	if r.Identity != nil {
		put("identity", r.Identity)
	}
	for name, raw := range map[string]json.RawMessage{"sku": r.SKU, "plan": r.Plan} {
		if len(raw) > 0 {
			put(name, raw)
		}
	}
	if len(r.Zones) > 0 {
		put("zones", r.Zones)
	}
	if o.ETag {
		put("etag", ETag(r.Revision))
	}
	if !o.NoSystem && !r.SystemData.CreatedAt.IsZero() {
		put("systemData", r.SystemData)
	}
	if o.Expand {
		put("createdTime", r.SystemData.CreatedAt)
		put("changedTime", r.SystemData.LastModifiedAt)
		putText("provisioningState", r.ProvisioningState)
	}
	properties := r.Properties
	if r.ProvisioningState != "" && !o.HideState {
		var err error
		if properties, err = mergePatch(properties, json.RawMessage(`{"provisioningState":`+strconv.Quote(r.ProvisioningState)+`}`)); err != nil {
			return nil, err
		}
	}
	if len(properties) > 0 {
		put("properties", properties)
	}
	if failed != nil {
		return nil, failed
	}
	return ordered(doc)
}

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

// ordered writes the members that people look for first in front.
func ordered(doc map[string]json.RawMessage) (json.RawMessage, error) {
	first := []string{"id", "name", "type", "location", "tags", "kind", "managedBy", "sku", "identity"}
	names := make([]string, 0, len(doc))
	for _, name := range first {
		if _, ok := doc[name]; ok {
			names = append(names, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(doc)) {
		if !slices.Contains(first, name) {
			names = append(names, name)
		}
	}
	var b strings.Builder
	b.WriteByte('{')
	for i, name := range names {
		if i > 0 {
			b.WriteByte(',')
		}
		key, err := json.Marshal(name)
		if err != nil {
			return nil, fmt.Errorf("encoding a member: %w", err)
		}
		b.Write(key)
		b.WriteByte(':')
		b.Write(doc[name])
	}
	b.WriteByte('}')
	return json.RawMessage(b.String()), nil
}

// ETag writes a revision as an entity tag, quotes included.
func ETag(revision int64) string { return `"` + strconv.FormatInt(revision, 16) + `"` }

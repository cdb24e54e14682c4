package resource

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
)

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
	d := make(document, 0, 12+len(r.Extra))
	d.add("id", firstOf(o.ID, r.ID.String()))
	d.add("name", r.ID.Name())
	d.add("type", firstOf(o.Type, r.ID.Type()))
	d.addText("location", r.Location)
	d.addText("kind", r.Kind)
	d.addText("managedBy", r.ManagedBy)
	if len(r.Tags) > 0 {
		d.add("tags", r.Tags)
	} else if o.AlwaysTag {
		d.add("tags", json.RawMessage("{}"))
	}
	if r.Identity != nil {
		d.add("identity", r.Identity)
	}
	d.addRaw("sku", r.SKU)
	d.addRaw("plan", r.Plan)
	if len(r.Zones) > 0 {
		d.add("zones", r.Zones)
	}
	if o.ETag {
		d.add("etag", ETag(r.Revision))
	}
	if !o.NoSystem && !r.SystemData.CreatedAt.IsZero() {
		d.add("systemData", r.SystemData)
	}
	if o.Expand {
		d.add("createdTime", r.SystemData.CreatedAt)
		d.add("changedTime", r.SystemData.LastModifiedAt)
		d.addText("provisioningState", r.ProvisioningState)
	}
	properties := r.Properties
	if r.ProvisioningState != "" && !o.HideState {
		var err error
		if properties, err = mergePatch(properties, json.RawMessage(`{"provisioningState":`+strconv.Quote(r.ProvisioningState)+`}`)); err != nil {
			return nil, err
		}
	}
	d.addRaw("properties", properties)
	known := len(d)
	for name, raw := range r.Extra {
		if !slices.ContainsFunc(d[:known], func(m member) bool { return m.name == name }) {
			d.addRaw(name, raw)
		}
	}
	raw, err := d.encode()
	if err != nil {
		return nil, fmt.Errorf("encoding %s: %w", r.ID, err)
	}
	return raw, nil
}

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

// document is the members of a JSON object.
type document []member

type member struct {
	name  string
	rank  int
	value any
}

// rank puts the members that people look for first in front.
func rank(name string) int {
	first := [...]string{"id", "name", "type", "location", "tags", "kind", "managedBy", "sku", "identity"}
	for i, known := range first {
		if name == known {
			return i
		}
	}
	return len(first)
}

func (d *document) add(name string, value any) {
	*d = append(*d, member{name: name, rank: rank(name), value: value})
}

func (d *document) addText(name, value string) {
	if value != "" {
		d.add(name, value)
	}
}

func (d *document) addRaw(name string, value json.RawMessage) {
	if len(value) > 0 {
		d.add(name, value)
	}
}

// encode writes the members by rank and name.
func (d document) encode() (json.RawMessage, error) {
	slices.SortFunc(d, func(a, b member) int { return cmp.Or(a.rank-b.rank, cmp.Compare(a.name, b.name)) })
	out := append(make(json.RawMessage, 0, 1024), '{')
	for i, m := range d {
		if i > 0 {
			out = append(out, ',')
		}
		key, err := json.Marshal(m.name)
		if err != nil {
			return nil, err
		}
		out = append(append(out, key...), ':')
		raw, isRaw := m.value.(json.RawMessage) // a part of a document that was read is JSON already
		if !isRaw {
			if raw, err = json.Marshal(m.value); err != nil {
				return nil, fmt.Errorf("%s: %w", m.name, err)
			}
		}
		out = append(out, raw...)
	}
	return slices.Clip(append(out, '}')), nil
}

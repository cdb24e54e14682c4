package resource

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// Read decodes the parts of the properties that T knows.
func Read[T any](r *Resource) (T, error) { return decode[T](r.Properties) }

// ReadInternal decodes the provider's own state.
func ReadInternal[T any](r *Resource) (T, error) { return decode[T](r.Internal) }

func decode[T any](raw json.RawMessage) (T, error) {
	var out T
	if len(raw) == 0 {
		return out, nil
	}
	if err := json.Unmarshal(raw, &out); err != nil {
		return out, fmt.Errorf("reading a document: %w", err)
	}
	return out, nil
}

// SetInternal replaces the provider's own state.
func (r *Resource) SetInternal(state any) error {
	raw, err := json.Marshal(state)
	if err != nil {
		return fmt.Errorf("writing a document: %w", err)
	}
	r.Internal = raw
	return nil
}

// Merge writes value, a struct or map, over the properties: members that the
// value has replace the stored ones (objects member by member, arrays whole), null
// removes, everything else stays.
func (r *Resource) Merge(value any) error {
	raw, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("writing a document: %w", err)
	}
	r.Properties, err = mergePatch(r.Properties, raw)
	return err
}

// Set writes one property, named by a dotted path such as "networkProfile.podCidr".
// Objects on the way are made; a nil value removes the property.
func (r *Resource) Set(path string, value any) error {
	names := strings.Split(path, ".")
	for i := len(names) - 1; i >= 0; i-- {
		value = map[string]any{names[i]: value}
	}
	return r.Merge(value)
}

// mergePatch applies an RFC 7386 merge patch.
func mergePatch(document, patch json.RawMessage) (json.RawMessage, error) {
	var target, change any
	if err := unmarshal(patch, &change); err != nil {
		return nil, err
	}
	if len(document) > 0 {
		if err := unmarshal(document, &target); err != nil {
			return nil, err
		}
	}
	raw, err := json.Marshal(merged(target, change))
	if err != nil {
		return nil, fmt.Errorf("writing a document: %w", err)
	}
	return raw, nil
}

// unmarshal keeps numbers as they were written: a client's 1.0 stays 1.0.
func unmarshal(raw json.RawMessage, out any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(out); err != nil {
		return fmt.Errorf("reading a document: %w", err)
	}
	return nil
}

func merged(target, patch any) any {
	change, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	object, ok := target.(map[string]any)
	if !ok {
		object = map[string]any{}
	}
	for name, value := range change {
		name = spelled(object, name)
		if value == nil {
			delete(object, name)
			continue
		}
		object[name] = merged(object[name], value)
	}
	return object
}

// spelled returns the name under which the object has a member, or the name
// itself. Members are one and the same in any casing: two that differ only in it
// would let a check see one and its user the other.
func spelled(object map[string]any, name string) string {
	if _, ok := object[name]; ok {
		return name
	}
	for known := range object {
		if strings.EqualFold(known, name) {
			return known
		}
	}
	return name
}

package containerservice

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// document is a resource's properties as the client sent them. The provider reads what it understands into structs and
// writes single fields here, so that a property it doesn't know comes back as it was sent.
type document map[string]any

func parseDocument(raw json.RawMessage) (document, error) {
	d := document{}
	if len(bytes.TrimSpace(raw)) == 0 {
		return d, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber() // a number that passes through keeps its spelling
	if err := decoder.Decode(&d); err != nil {
		return nil, fmt.Errorf("reading properties: %w", err)
	}
	if d == nil { // the client sent null
		d = document{}
	}
	return d, nil
}

func (d document) raw() (json.RawMessage, error) {
	raw, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("writing properties: %w", err)
	}
	return raw, nil
}

// section returns the object under name, which it makes if there is none.
func (d document) section(name string) document {
	if s := asObject(d[name]); s != nil {
		return s
	}
	s := document{}
	d[name] = s
	return s
}

// asObject returns v as an object, or nil.
func asObject(v any) document {
	switch v := v.(type) {
	case map[string]any:
		return v
	case document:
		return v
	}
	return nil
}

// fill sets a field that the client left to us: absent, null, "" and 0 all mean "choose for me".
func (d document) fill(name string, value any) {
	switch v := d[name].(type) {
	case nil:
	case string:
		if v != "" {
			return
		}
	case json.Number:
		if v.String() != "0" {
			return
		}
	case float64:
		if v != 0 {
			return
		}
	default:
		return
	}
	d[name] = value
}

// objects returns the elements of a list of objects; changing them changes the document.
func (d document) objects(name string) []document {
	list, _ := d[name].([]any)
	var objects []document
	for _, element := range list {
		if o := asObject(element); o != nil {
			objects = append(objects, o)
		}
	}
	return objects
}

// text returns a string field, or "".
func (d document) text(name string) string {
	s, _ := d[name].(string)
	return s
}

// read decodes the document into a struct of what the provider understands.
func (d document) read(into any) error {
	raw, err := d.raw()
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("reading properties: %w", err)
	}
	return nil
}

// dropEmpty removes nulls and empty lists at every depth: AKS omits empty collections from its answers. Empty objects
// stay, since clients tell them from absent ones.
func dropEmpty(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			if member = dropEmpty(member); member == nil {
				delete(v, name)
			} else {
				v[name] = member
			}
		}
	case document:
		dropEmpty(map[string]any(v))
	case []any:
		if len(v) == 0 {
			return nil
		}
		for i := range v {
			v[i] = dropEmpty(v[i])
		}
	}
	return v
}

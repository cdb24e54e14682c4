package shape

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/lanyard-project/lanyard/internal/cli/value"
)

// Full prints every field of the model, with null for what isn't there.
func (m *Models) Full(name string, v any) any { return m.convert(name, v, false) }

// Sparse prints the fields that are there.
func (m *Models) Sparse(name string, v any) any { return m.convert(name, v, true) }

func (m *Models) convert(kind string, v any, sparse bool) any {
	if v == nil {
		return nil
	}
	if inner, ok := within(kind, "[]"); ok {
		list, ok := v.([]any)
		if !ok {
			return v
		}
		converted := make([]any, len(list))
		for i, element := range list {
			converted[i] = m.convert(inner, element, sparse)
		}
		return converted
	}
	if inner, ok := within(kind, "{}"); ok {
		object, ok := v.(*value.Object)
		if !ok {
			return v
		}
		converted := value.NewObject()
		for _, key := range object.Keys() {
			element, _ := object.Get(key)
			converted.Set(key, m.convert(inner, element, sparse))
		}
		return converted
	}
	switch kind {
	case "", optional:
		return v
	case "time":
		return timestamp(v)
	case "float":
		return float(v)
	}
	return m.object(kind, v, sparse)
}

func within(kind, brackets string) (string, bool) {
	if len(kind) > 2 && kind[0] == brackets[0] && kind[len(kind)-1] == brackets[1] {
		return kind[1 : len(kind)-1], true
	}
	return "", false
}

func (m *Models) object(name string, v any, sparse bool) any {
	fields, known := m.byName[name]
	source, ok := v.(*value.Object)
	if !known || !ok {
		return v
	}
	converted := value.NewObject()
	for _, a := range fields {
		got, found := at(source, a.path)
		name := a.name
		if sparse {
			// The newer parts of az keep the service's own spelling.
			name = a.path[len(a.path)-1]
		}
		if !found && (sparse || a.kind == optional) {
			continue
		}
		converted.Set(name, m.convert(a.kind, got, sparse))
	}
	return converted
}

// at follows a path.
func at(o *value.Object, path []string) (any, bool) {
	var v any = o
	for _, key := range path {
		object, ok := v.(*value.Object)
		if !ok {
			return nil, false
		}
		got, ok := object.Get(key)
		if !ok {
			return nil, false
		}
		v = got
	}
	return v, true
}

// timestamp writes a time as Python's isoformat does: microseconds unless they are
// zero, and the offset in digits.
func timestamp(v any) any {
	text, ok := v.(string)
	if !ok {
		return v
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return v
	}
	layout := "2006-01-02T15:04:05"
	if t.Nanosecond()/1000 != 0 {
		layout += ".000000"
	}
	return t.Truncate(time.Microsecond).Format(layout + "-07:00")
}

func float(v any) any {
	n, ok := v.(json.Number)
	if !ok || strings.ContainsAny(n.String(), ".eE") {
		return v
	}
	return json.Number(n.String() + ".0")
}

// AddResourceGroup gives each object that has an ID within a resource group the name
// of the group, as az does with every answer.
func AddResourceGroup(v any) any {
	switch v := v.(type) {
	case []any:
		for _, element := range v {
			AddResourceGroup(element)
		}
	case *value.Object:
		addResourceGroup(v)
		for _, key := range v.Keys() {
			if key == "sourceVault" {
				continue
			}
			field, _ := v.Get(key)
			AddResourceGroup(field)
		}
	}
	return v
}

func addResourceGroup(o *value.Object) {
	for _, key := range o.Keys() {
		if strings.EqualFold(key, "resourceGroup") {
			return
		}
	}
	parts := strings.Split(o.String("id"), "/")
	if len(parts) > 8 && strings.EqualFold(parts[3], "resourceGroups") {
		o.Set("resourceGroup", parts[4])
	}
}

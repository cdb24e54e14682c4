package shape

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/rest"
)

// Object is a JSON object. Members are found in any casing, as ARM does;
// numbers keep the way in which they were written.
type Object map[string]any

// parse reads a JSON object; nothing is an empty one.
func parse(raw json.RawMessage) (Object, error) {
	if len(raw) == 0 {
		return Object{}, nil
	}
	out := Object{}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&out); err != nil {
		return nil, rest.InvalidRequestContent(err.Error())
	}
	if out == nil {
		out = Object{}
	}
	return out, nil
}

func (o Object) encode() (json.RawMessage, error) {
	raw, err := json.Marshal(map[string]any(o))
	if err != nil {
		return nil, fmt.Errorf("writing a document: %w", err)
	}
	return raw, nil
}

// object takes a value for an object, if it is one.
func object(v any) (Object, bool) {
	switch v := v.(type) {
	case map[string]any:
		return v, true
	case Object:
		return v, true
	}
	return nil, false
}

// key returns the spelling under which the object has a member.
func (o Object) key(name string) string {
	if _, ok := o[name]; ok {
		return name
	}
	for known := range o {
		if strings.EqualFold(known, name) {
			return known
		}
	}
	return name
}

// Get returns the value at a dotted path, or nil.
func (o Object) Get(path string) any {
	var at any = o
	for name := range strings.SplitSeq(path, ".") {
		in, ok := object(at)
		if !ok {
			return nil
		}
		at = in[in.key(name)]
	}
	return at
}

// Text returns the text at a path, or "".
func (o Object) Text(path string) string {
	s, _ := o.Get(path).(string)
	return s
}

// Flag returns the boolean at a path, or false.
func (o Object) Flag(path string) bool {
	b, _ := o.Get(path).(bool)
	return b
}

// Number returns the whole number at a path, and whether there is one.
func (o Object) Number(path string) (int64, bool) {
	switch v := o.Get(path).(type) {
	case json.Number:
		n, err := v.Int64()
		return n, err == nil
	case int:
		return int64(v), true
	case float64:
		return int64(v), true
	}
	return 0, false
}

// List returns the list at a path, or nil.
func (o Object) List(path string) []any {
	l, _ := o.Get(path).([]any)
	return l
}

// Objects returns the objects in the list at a path.
func (o Object) Objects(path string) []Object {
	var out []Object
	for _, v := range o.List(path) {
		if in, ok := object(v); ok {
			out = append(out, in)
		}
	}
	return out
}

// Set writes the value at a dotted path; objects on the way are made. Nil
// removes the member.
func (o Object) Set(path string, value any) {
	names := strings.Split(path, ".")
	at := o
	for _, name := range names[:len(names)-1] {
		in, ok := object(at[at.key(name)])
		if !ok {
			if value == nil {
				return
			}
			in = Object{}
			at[at.key(name)] = in
		}
		at = in
	}
	last := at.key(names[len(names)-1])
	if value == nil {
		delete(at, last)
		return
	}
	at[last] = value
}

// Spell gives a member the casing of the name.
func (o Object) Spell(name string) {
	if key := o.key(name); key != name {
		if value, ok := o[key]; ok {
			delete(o, key)
			o[name] = value
		}
	}
}

// Append adds to the list at a path.
func (o Object) Append(path string, values ...any) { o.Set(path, append(o.List(path), values...)) }

// fill adds the members that the object lacks.
func (o Object) fill(defaults Object) {
	for name, value := range defaults {
		key := o.key(name)
		has, ok := o[key]
		if !ok || has == nil {
			o[key] = value
			continue
		}
		if in, ok := object(has); ok {
			if deeper, ok := object(value); ok {
				in.fill(deeper)
			}
		}
	}
}

// visit calls f with every value at a path, through lists where the path says
// "[]", and the place of it as errors name it.
func (o Object) visit(path string, f func(in Object, key, at string)) { o.walk(path, "properties", f) }

func (o Object) walk(path, at string, f func(in Object, key, at string)) {
	name, rest, deeper := strings.Cut(path, ".")
	name, list := strings.CutSuffix(name, "[]")
	key := o.key(name)
	value, ok := o[key]
	if !ok || value == nil {
		return
	}
	at += "." + name
	switch {
	case list:
		elements, _ := value.([]any)
		for i, v := range elements {
			place := fmt.Sprintf("%s[%d]", at, i)
			in, ok := object(v)
			if !ok {
				in = Object{"": v}
				f(in, "", place)
				continue
			}
			if deeper {
				in.walk(rest, place, f)
			} else {
				f(Object{"": in}, "", place)
			}
		}
	case deeper:
		if in, ok := object(value); ok {
			in.walk(rest, at, f)
		}
	default:
		f(o, key, at)
	}
}

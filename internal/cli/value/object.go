package value

import "slices"

// Object is a JSON object that keeps its keys in order. The zero value isn't
// usable; make one with NewObject.
type Object struct {
	keys   []string
	fields map[string]any
	// Selected marks an object that a query put together: its order was chosen by
	// the user, and tsv keeps it.
	Selected bool
}

// NewObject makes an object of alternating keys and values.
func NewObject(pairs ...any) *Object {
	o := &Object{fields: make(map[string]any, len(pairs)/2)}
	for i := 0; i+1 < len(pairs); i += 2 {
		o.Set(pairs[i].(string), pairs[i+1])
	}
	return o
}

// Set adds a key at the end, or replaces its value where it stands.
func (o *Object) Set(key string, v any) *Object {
	if _, ok := o.fields[key]; !ok {
		o.keys = append(o.keys, key)
	}
	o.fields[key] = v
	return o
}

// Get returns a value and whether the key is there. A nil object has no keys.
func (o *Object) Get(key string) (any, bool) {
	if o == nil {
		return nil, false
	}
	v, ok := o.fields[key]
	return v, ok
}

// At follows keys downward and returns nil where the path ends.
func (o *Object) At(path ...string) any {
	var v any = o
	for _, key := range path {
		object, ok := v.(*Object)
		if !ok {
			return nil
		}
		v, _ = object.Get(key)
	}
	return v
}

// Object returns the object at a path, or nil.
func (o *Object) Object(path ...string) *Object {
	v, _ := o.At(path...).(*Object)
	return v
}

// String returns the string at a path, or "".
func (o *Object) String(path ...string) string {
	v, _ := o.At(path...).(string)
	return v
}

// Bool reports whether the value at a path is true.
func (o *Object) Bool(path ...string) bool {
	v, _ := o.At(path...).(bool)
	return v
}

// List returns the list at a path, or nil.
func (o *Object) List(path ...string) []any {
	v, _ := o.At(path...).([]any)
	return v
}

// Ensure returns the object below a key and makes it when it isn't there.
func (o *Object) Ensure(key string) *Object {
	if v, ok := o.fields[key].(*Object); ok {
		return v
	}
	made := NewObject()
	o.Set(key, made)
	return made
}

// Delete removes a key.
func (o *Object) Delete(key string) {
	if _, ok := o.fields[key]; ok {
		delete(o.fields, key)
		o.keys = slices.DeleteFunc(o.keys, func(k string) bool { return k == key })
	}
}

// Keys returns the keys in order; the caller must not change them.
func (o *Object) Keys() []string {
	if o == nil {
		return nil
	}
	return o.keys
}

// Len is the number of keys.
func (o *Object) Len() int { return len(o.Keys()) }

// Copy makes an independent copy of a value.
func Copy(v any) any {
	switch v := v.(type) {
	case *Object:
		if v == nil {
			return v
		}
		c := NewObject()
		c.Selected = v.Selected
		for _, k := range v.keys {
			c.Set(k, Copy(v.fields[k]))
		}
		return c
	case []any:
		c := make([]any, len(v))
		for i := range v {
			c[i] = Copy(v[i])
		}
		return c
	}
	return v
}

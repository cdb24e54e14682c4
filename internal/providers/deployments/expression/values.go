package expression

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Decode reads JSON into the values that expressions know.
func Decode(raw []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var out any
	if err := d.Decode(&out); err != nil {
		return nil, fmt.Errorf("reading JSON: %w", err)
	}
	if d.More() {
		return nil, fmt.Errorf("reading JSON: something follows the value")
	}
	return normal(out), nil
}

// normal replaces json.Number by int64 or float64.
func normal(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, err := v.Float64()
		if err != nil || math.IsInf(f, 0) {
			return v.String()
		}
		return f
	case []any:
		for i := range v {
			v[i] = normal(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = normal(v[name])
		}
	}
	return v
}

func typeName(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case int64, float64:
		return "a number"
	case string:
		return "a string"
	case []any:
		return "an array"
	}
	return "an object"
}

func sorted(texts []string) []string {
	slices.Sort(texts)
	return texts
}

// Text is the string that a value has in concat, format and string.
func Text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case bool:
		if v {
			return "True"
		}
		return "False"
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(raw)
}

// Equal compares as equals() does: texts with casing, numbers by value.
func Equal(a, b any) bool {
	left, err := json.Marshal(a)
	right, also := json.Marshal(b)
	return err == nil && also == nil && bytes.Equal(left, right)
}

// fingerprint is equal for values that are Equal.
func fingerprint(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(raw)
}

func want[T any](v any) (T, error) {
	t, ok := v.(T)
	if !ok {
		return t, fmt.Errorf("expects %s, not %s", typeName(any(t)), typeName(v))
	}
	return t, nil
}

func find(object map[string]any, name string) (string, bool) {
	if _, ok := object[name]; ok {
		return name, true
	}
	for known := range object {
		if strings.EqualFold(known, name) {
			return known, true
		}
	}
	return name, false
}

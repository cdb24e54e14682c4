package expression

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// collectionFunction are the functions on arrays and objects, some of which take
// strings too.
func collectionFunction(name string) (function, bool) {
	switch name {
	case "concat":
		return is(1, -1, concat)
	case "length":
		return is(1, 1, length)
	case "empty":
		return is(1, 1, empty)
	case "contains":
		return is(2, 2, contains)
	case "first", "last":
		return is(1, 1, func(a []any) (any, error) { return edge(a[0], name == "first") })
	case "take":
		return is(2, 2, func(a []any) (any, error) { return slice(a, true) })
	case "skip":
		return is(2, 2, func(a []any) (any, error) { return slice(a, false) })
	case "union":
		return is(2, -1, union)
	case "intersection":
		return is(2, -1, intersection)
	case "createarray":
		return is(0, -1, func(a []any) (any, error) { return slices.Clone(a), nil })
	case "array":
		return is(1, 1, func(a []any) (any, error) {
			if list, ok := a[0].([]any); ok {
				return list, nil
			}
			return []any{a[0]}, nil
		})
	case "createobject":
		return is(0, -1, createObject)
	case "range":
		return onInts(func(from, count int64) (any, error) {
			if err := bounded(count); err != nil {
				return nil, err
			}
			out := make([]any, count)
			for i := range out {
				out[i] = from + int64(i)
			}
			return out, nil
		})
	case "flatten":
		return is(1, 1, flatten)
	case "items", "objectkeys":
		return is(1, 1, func(a []any) (any, error) { return entries(a[0], name == "items") })
	case "tryget":
		return is(2, -1, func(a []any) (any, error) {
			at := a[0]
			for _, name := range a[1:] {
				var err error
				if at, err = Member(at, name); err != nil {
					return nil, nil //nolint:nilerr // that is what "try" is about
				}
			}
			return at, nil
		})
	}
	return function{}, false
}

func concat(a []any) (any, error) {
	if _, ok := a[0].([]any); ok {
		out := []any{}
		for _, v := range a {
			list, err := want[[]any](v)
			if err != nil {
				return nil, err
			}
			if out = append(out, list...); len(out) > maxElements {
				return nil, fmt.Errorf("the result has more than %d elements", maxElements)
			}
		}
		return out, nil
	}
	var b strings.Builder
	for _, v := range a {
		switch v.(type) {
		case []any, map[string]any:
			return nil, fmt.Errorf("joins strings or arrays, not %s", typeName(v))
		}
		b.WriteString(Text(v))
	}
	return limited(b.String())
}

func length(a []any) (any, error) {
	switch v := a[0].(type) {
	case string:
		return int64(len([]rune(v))), nil
	case []any:
		return int64(len(v)), nil
	case map[string]any:
		return int64(len(v)), nil
	}
	return nil, fmt.Errorf("expects a string, an array or an object, not %s", typeName(a[0]))
}

func empty(a []any) (any, error) {
	if a[0] == nil {
		return true, nil
	}
	n, err := length(a)
	return n == int64(0), err
}

func contains(a []any) (any, error) {
	switch v := a[0].(type) {
	case string:
		return strings.Contains(v, Text(a[1])), nil
	case []any:
		return slices.ContainsFunc(v, func(e any) bool { return Equal(e, a[1]) }), nil
	case map[string]any:
		name, err := want[string](a[1])
		_, ok := find(v, name)
		return ok, err
	}
	return nil, fmt.Errorf("expects a string, an array or an object, not %s", typeName(a[0]))
}

func edge(v any, first bool) (any, error) {
	switch v := v.(type) {
	case string:
		r := []rune(v)
		switch {
		case len(r) == 0:
			return "", nil
		case first:
			return string(r[:1]), nil
		}
		return string(r[len(r)-1:]), nil
	case []any:
		switch {
		case len(v) == 0:
			return nil, nil
		case first:
			return v[0], nil
		}
		return v[len(v)-1], nil
	}
	return nil, fmt.Errorf("expects a string or an array, not %s", typeName(v))
}

// slice takes or skips so many characters or elements.
func slice(a []any, take bool) (any, error) {
	count, err := want[int64](a[1])
	if err != nil {
		return nil, err
	}
	cut := func(n int) (int, int) {
		at := int(min(max(count, 0), int64(n)))
		if take {
			return 0, at
		}
		return at, n
	}
	switch v := a[0].(type) {
	case string:
		r := []rune(v)
		from, to := cut(len(r))
		return string(r[from:to]), nil
	case []any:
		from, to := cut(len(v))
		return slices.Clone(v[from:to]), nil
	}
	return nil, fmt.Errorf("expects a string or an array, not %s", typeName(a[0]))
}

func union(a []any) (any, error) {
	if _, ok := a[0].(map[string]any); ok {
		out := map[string]any{}
		for _, v := range a {
			object, err := want[map[string]any](v)
			if err != nil {
				return nil, err
			}
			out = overlay(out, object)
		}
		return out, nil
	}
	out, seen := []any{}, map[string]bool{}
	for _, v := range a {
		list, err := want[[]any](v)
		if err != nil {
			return nil, err
		}
		for _, e := range list {
			if key := fingerprint(e); !seen[key] {
				seen[key] = true
				out = append(out, e)
			}
		}
	}
	return out, nil
}

func overlay(under, over map[string]any) map[string]any {
	out := maps.Clone(under)
	for name, value := range over {
		name, _ = find(out, name)
		below, nested := out[name].(map[string]any)
		above, also := value.(map[string]any)
		if nested && also {
			value = overlay(below, above)
		}
		out[name] = value
	}
	return out
}

func intersection(a []any) (any, error) {
	if first, ok := a[0].(map[string]any); ok {
		out := map[string]any{}
		for name, value := range first {
			in := true
			for _, v := range a[1:] {
				object, err := want[map[string]any](v)
				if err != nil {
					return nil, err
				}
				other, ok := find(object, name)
				in = in && ok && Equal(object[other], value)
			}
			if in {
				out[name] = value
			}
		}
		return out, nil
	}
	out, err := want[[]any](a[0])
	for _, v := range a[1:] {
		list, wrong := want[[]any](v)
		if err != nil || wrong != nil {
			return nil, errors.Join(err, wrong)
		}
		in := map[string]bool{}
		for _, e := range list {
			in[fingerprint(e)] = true
		}
		out = slices.DeleteFunc(slices.Clone(out), func(e any) bool { return !in[fingerprint(e)] })
	}
	return out, err
}

func createObject(a []any) (any, error) {
	if len(a)%2 != 0 {
		return nil, fmt.Errorf("expects pairs of name and value")
	}
	out := map[string]any{}
	for i := 0; i < len(a); i += 2 {
		name, err := want[string](a[i])
		if err != nil {
			return nil, err
		}
		out[name] = a[i+1]
	}
	return out, nil
}

func flatten(a []any) (any, error) {
	list, err := want[[]any](a[0])
	if err != nil {
		return nil, err
	}
	out := []any{}
	for _, v := range list {
		inner, err := want[[]any](v)
		if err != nil {
			return nil, err
		}
		out = append(out, inner...)
	}
	return out, nil
}

// entries are an object's names, or its pairs, in order.
func entries(v any, pairs bool) (any, error) {
	object, err := want[map[string]any](v)
	if err != nil {
		return nil, err
	}
	out := []any{}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if pairs {
			out = append(out, map[string]any{"key": name, "value": object[name]})
		} else {
			out = append(out, name)
		}
	}
	return out, nil
}

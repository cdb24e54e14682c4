package expression

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
)

var errZero = errors.New("divides by zero")

// numberFunction are the functions on integers.
func numberFunction(name string) (function, bool) {
	switch name {
	case "add":
		return onInts(func(a, b int64) (any, error) { return a + b, nil })
	case "sub":
		return onInts(func(a, b int64) (any, error) { return a - b, nil })
	case "mul":
		return onInts(func(a, b int64) (any, error) { return a * b, nil })
	case "div", "mod":
		return onInts(func(a, b int64) (any, error) {
			switch {
			case b == 0:
				return nil, errZero
			case name == "div":
				return a / b, nil
			}
			return a % b, nil
		})
	case "min", "max":
		return is(1, -1, func(a []any) (any, error) { return extreme(a, name == "max") })
	}
	return function{}, false
}

func extreme(a []any, largest bool) (any, error) {
	if list, ok := a[0].([]any); ok && len(a) == 1 {
		a = list
	}
	if len(a) == 0 {
		return nil, errors.New("expects at least one number")
	}
	out, err := want[int64](a[0])
	if err != nil {
		return nil, err
	}
	for _, v := range a[1:] {
		n, err := want[int64](v)
		if err != nil {
			return nil, err
		}
		if largest == (n > out) {
			out = n
		}
	}
	return out, nil
}

// logicFunction are comparisons and what else is about truth.
func logicFunction(name string) (function, bool) {
	switch name {
	case "equals":
		return is(2, 2, func(a []any) (any, error) { return Equal(a[0], a[1]), nil })
	case "not":
		return is(1, 1, func(a []any) (any, error) {
			b, err := want[bool](a[0])
			return !b, err
		})
	case "less", "lessorequals", "greater", "greaterorequals":
		return is(2, 2, func(a []any) (any, error) {
			c, err := compare(a[0], a[1])
			switch {
			case err != nil:
				return nil, err
			case c == 0:
				return strings.HasSuffix(name, "equals"), nil
			}
			return strings.HasPrefix(name, "less") == (c < 0), nil
		})
	case "true", "false":
		return is(0, 0, func([]any) (any, error) { return name == "true", nil })
	case "null":
		return is(0, 0, func([]any) (any, error) { return nil, nil })
	case "coalesce":
		return is(1, -1, func(a []any) (any, error) {
			for _, v := range a {
				if v != nil {
					return v, nil
				}
			}
			return nil, nil
		})
	}
	return function{}, false
}

func compare(a, b any) (int, error) {
	switch left := a.(type) {
	case int64:
		if right, ok := b.(int64); ok {
			return cmp.Compare(left, right), nil
		}
	case string:
		if right, ok := b.(string); ok {
			return strings.Compare(left, right), nil
		}
	}
	return 0, fmt.Errorf("compares two integers or two strings, not %s and %s", typeName(a), typeName(b))
}

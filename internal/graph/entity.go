package graph

import (
	"slices"
	"strings"
)

// property is one that filters may name.
type property[T any] struct {
	name   string
	many   bool // a collection: only any(…) applies
	values func(T) []string
}

// entity is a kind of object that can be filtered.
type entity[T any] struct {
	name       string // as messages call it
	properties []property[T]
}

func one[T any](name string, value func(T) string) property[T] {
	return property[T]{name: name, values: func(object T) []string { return []string{value(object)} }}
}

func several[T any](name string, values func(T) []string) property[T] {
	return property[T]{name: name, many: true, values: values}
}

// compile ties a filter to the properties that it names, or says which one of
// them can't be filtered so.
func (e *entity[T]) compile(f *filter) (func(T) bool, *Error) {
	if f == nil {
		return func(T) bool { return true }, nil
	}
	if f.op == opAnd || f.op == opOr {
		left, err := e.compile(f.left)
		if err != nil {
			return nil, err
		}
		right, err := e.compile(f.right)
		if err != nil {
			return nil, err
		}
		if f.op == opAnd {
			return func(object T) bool { return left(object) && right(object) }, nil
		}
		return func(object T) bool { return left(object) || right(object) }, nil
	}
	at := slices.IndexFunc(e.properties, func(p property[T]) bool { return strings.EqualFold(p.name, f.property) })
	if at < 0 || e.properties[at].many != (f.op == opAnyEqual) {
		return nil, unsupported("Unsupported or invalid query filter clause specified for property '%s' of resource '%s'.", f.property, e.name)
	}
	values, matches := e.properties[at].values, strings.EqualFold
	if f.op == opStartsWith {
		matches = hasPrefixFold
	}
	return func(object T) bool {
		return slices.ContainsFunc(values(object), func(value string) bool { return matches(value, f.value) })
	}, nil
}

func hasPrefixFold(value, start string) bool {
	return strings.HasPrefix(strings.ToLower(value), strings.ToLower(start))
}

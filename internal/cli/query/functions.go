package query

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/jmespath-community/go-jmespath/pkg/parsing"

	"github.com/lanyard-project/lanyard/internal/cli/value"
)

// function is one of JMESPath's built-in functions. Each entry of params lists the
// types that an argument may have, "any" for all; the last one repeats when
// variadic.
type function struct {
	params   []string
	variadic bool
	call     func(args []any) (any, error)
}

const (
	numbers          = "array-number"
	numbersOrStrings = "array-number array-string"
)

func lookUp(name string) (function, bool) {
	f, ok := map[string]function{
		"abs":         {[]string{"number"}, false, func(a []any) (any, error) { return fromFloat(math.Abs(num(a[0]))), nil }},
		"avg":         {[]string{numbers}, false, average},
		"ceil":        {[]string{"number"}, false, func(a []any) (any, error) { return fromFloat(math.Ceil(num(a[0]))), nil }},
		"contains":    {[]string{"array string", "any"}, false, contains},
		"ends_with":   {[]string{"string", "string"}, false, func(a []any) (any, error) { return strings.HasSuffix(a[0].(string), a[1].(string)), nil }},
		"floor":       {[]string{"number"}, false, func(a []any) (any, error) { return fromFloat(math.Floor(num(a[0]))), nil }},
		"join":        {[]string{"string", "array-string"}, false, join},
		"keys":        {[]string{"object"}, false, func(a []any) (any, error) { return value.Strings(a[0].(*value.Object).Keys()), nil }},
		"length":      {[]string{"string array object"}, false, length},
		"map":         {[]string{"expref", "array"}, false, mapOver},
		"max":         {[]string{numbersOrStrings}, false, func(a []any) (any, error) { return extreme(a[0].([]any), 1), nil }},
		"max_by":      {[]string{"array", "expref"}, false, func(a []any) (any, error) { return extremeBy(a, "max_by", 1) }},
		"merge":       {[]string{"object"}, true, merge},
		"min":         {[]string{numbersOrStrings}, false, func(a []any) (any, error) { return extreme(a[0].([]any), -1), nil }},
		"min_by":      {[]string{"array", "expref"}, false, func(a []any) (any, error) { return extremeBy(a, "min_by", -1) }},
		"not_null":    {[]string{"any"}, true, notNull},
		"reverse":     {[]string{"array string"}, false, reverse},
		"sort":        {[]string{numbersOrStrings}, false, sorted},
		"sort_by":     {[]string{"array", "expref"}, false, sortBy},
		"starts_with": {[]string{"string", "string"}, false, func(a []any) (any, error) { return strings.HasPrefix(a[0].(string), a[1].(string)), nil }},
		"sum":         {[]string{numbers}, false, sum},
		"to_array":    {[]string{"any"}, false, toArray},
		"to_number":   {[]string{"any"}, false, toNumber},
		"to_string":   {[]string{"any"}, false, toString},
		"type":        {[]string{"any"}, false, func(a []any) (any, error) { return typeName(a[0]), nil }},
		"values":      {[]string{"object"}, false, values},
	}[name]
	return f, ok
}

// checkCall refuses an unknown function and a wrong number of arguments.
func checkCall(node parsing.ASTNode) error {
	name := node.Value.(string)
	f, ok := lookUp(name)
	if !ok {
		return fmt.Errorf("unknown function: %s()", name)
	}
	want, got := len(f.params), len(node.Children)
	if got < want || got > want && !f.variadic {
		return fmt.Errorf("expected %d argument(s) for function %s(), received %d", want, name, got)
	}
	return nil
}

func call(node parsing.ASTNode, v any) (any, error) {
	name := node.Value.(string)
	f, _ := lookUp(name) // check has seen it
	args := make([]any, len(node.Children))
	for i, child := range node.Children {
		arg, err := evaluate(child, v)
		if err != nil {
			return nil, err
		}
		param := f.params[min(i, len(f.params)-1)]
		if !allowed(param, arg) {
			return nil, typeError(name, arg, param)
		}
		args[i] = arg
	}
	return f.call(args)
}

func typeError(name string, v any, want string) error {
	shown, _ := value.Encode(v)
	return fmt.Errorf("In function %s(), invalid type for value: %s, expected one of: %s, received: %q", name, shown, want, typeName(v)) //nolint:staticcheck // az's text
}

func allowed(param string, v any) bool {
	for _, want := range strings.Fields(param) {
		element, isArray := strings.CutPrefix(want, "array-")
		if want == "any" || !isArray && want == typeName(v) {
			return true
		}
		list, ok := v.([]any)
		if isArray && ok && !slices.ContainsFunc(list, func(e any) bool { return typeName(e) != element }) {
			return true
		}
	}
	return false
}

func typeName(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case json.Number:
		return "number"
	case []any:
		return "array"
	case *value.Object:
		return "object"
	}
	return "expref"
}

func num(v any) float64 { return number(v.(json.Number)) }

func sum(a []any) (any, error) {
	total := 0.0
	for _, n := range a[0].([]any) {
		total += num(n)
	}
	return fromFloat(total), nil
}

// average is a fraction in Python, also when it is a whole number.
func average(a []any) (any, error) {
	list := a[0].([]any)
	if len(list) == 0 {
		return nil, nil
	}
	total := 0.0
	for _, n := range list {
		total += num(n)
	}
	text := strconv.FormatFloat(total/float64(len(list)), 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return json.Number(text), nil
}

func contains(a []any) (any, error) {
	if text, ok := a[0].(string); ok {
		part, ok := a[1].(string)
		return ok && strings.Contains(text, part), nil
	}
	return slices.ContainsFunc(a[0].([]any), func(e any) bool { return equal(e, a[1]) }), nil
}

func join(a []any) (any, error) {
	var parts []string
	for _, part := range a[1].([]any) {
		parts = append(parts, part.(string))
	}
	return strings.Join(parts, a[0].(string)), nil
}

func length(a []any) (any, error) {
	switch v := a[0].(type) {
	case string:
		return value.Int(len([]rune(v))), nil
	case []any:
		return value.Int(len(v)), nil
	default:
		return value.Int(v.(*value.Object).Len()), nil
	}
}

func merge(a []any) (any, error) {
	merged := value.NewObject()
	for _, object := range a {
		for _, key := range object.(*value.Object).Keys() {
			merged.Set(key, field(object, key))
		}
	}
	return merged, nil
}

func notNull(a []any) (any, error) {
	for _, v := range a {
		if v != nil {
			return v, nil
		}
	}
	return nil, nil
}

func reverse(a []any) (any, error) {
	if text, ok := a[0].(string); ok {
		runes := []rune(text)
		slices.Reverse(runes)
		return string(runes), nil
	}
	list := slices.Clone(a[0].([]any))
	slices.Reverse(list)
	return list, nil
}

func toArray(a []any) (any, error) {
	if list, ok := a[0].([]any); ok {
		return list, nil
	}
	return []any{a[0]}, nil
}

func toNumber(a []any) (any, error) {
	switch v := a[0].(type) {
	case json.Number:
		return v, nil
	case string:
		text := strings.TrimSpace(v)
		if i, err := strconv.ParseInt(text, 10, 64); err == nil {
			return value.Int(i), nil
		}
		if f, err := strconv.ParseFloat(text, 64); err == nil && !math.IsInf(f, 0) && !math.IsNaN(f) {
			return json.Number(strconv.FormatFloat(f, 'g', -1, 64)), nil
		}
	}
	return nil, nil
}

func toString(a []any) (any, error) {
	if text, ok := a[0].(string); ok {
		return text, nil
	}
	data, err := value.Encode(a[0])
	return string(data), err
}

func values(a []any) (any, error) {
	object := a[0].(*value.Object)
	list := []any{}
	for _, key := range object.Keys() {
		list = append(list, field(object, key))
	}
	return list, nil
}

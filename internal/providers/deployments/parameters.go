package deployments

import (
	"slices"
	"strings"

	"github.com/lanyard-project/lanyard/internal/providers/deployments/expression"
)

// parameter is a parameter's declaration.
type parameter struct {
	kind              string // "string", "securestring", "int", "bool", "object", "secureobject", "array"
	fallback          any
	optional          bool
	allowed           []any
	least, most       *int64 // of a number
	shortest, longest *int64 // of a text's or array's length
}

func (p parameter) secure() bool { return strings.HasPrefix(p.kind, "secure") }

func readParameter(name string, value any) (parameter, error) {
	body, ok := value.(map[string]any)
	if !ok {
		return parameter{}, invalid("the declaration of parameter '%s' must be an object", name)
	}
	kind, _ := member(body, "type").(string)
	p := parameter{kind: strings.ToLower(kind)}
	if !slices.Contains([]string{"string", "securestring", "int", "bool", "object", "secureobject", "array"}, p.kind) {
		return p, invalid("the type '%s' of parameter '%s' is none of string, securestring, int, bool, object, secureObject and array", kind, name)
	}
	p.allowed, _ = member(body, "allowedValues").([]any)
	for known, fallback := range body {
		if strings.EqualFold(known, "defaultValue") {
			p.fallback, p.optional = fallback, true
		}
	}
	if nullable, _ := member(body, "nullable").(bool); nullable {
		p.optional = true
	}
	for limit, into := range map[string]**int64{"minValue": &p.least, "maxValue": &p.most, "minLength": &p.shortest, "maxLength": &p.longest} {
		if n, ok := member(body, limit).(int64); ok {
			*into = &n
		}
	}
	return p, nil
}

// resolve gives every parameter its value: what the caller sent or the default,
// whose expressions are evaluated here and now, once and for all.
func (e *environment) resolve(sent map[string]any) error {
	for name := range sent {
		if _, ok := find(e.template.parameters, name); !ok {
			return invalid("the following parameters were supplied, but do not correspond to any parameters defined in the template: '%s'", name)
		}
	}
	e.parameters = map[string]any{}
	e.defaulting = true
	defer func() { e.defaulting = false }()
	var pending []string
	for name, p := range e.template.parameters {
		given, ok := member(sent, name).(map[string]any)
		if !ok {
			pending = append(pending, name)
			continue
		}
		if member(given, "reference") != nil {
			return unsupported("Parameters from a Key Vault", "Send the value of '"+name+"' itself.")
		}
		e.parameters[name] = member(given, "value")
		if err := p.check(name, e.parameters[name]); err != nil {
			return err
		}
	}
	// A default may be made of other parameters: those come first.
	slices.Sort(pending)
	for range len(pending) + 1 {
		var left []string
		for _, name := range pending {
			p := e.template.parameters[name]
			if !p.optional {
				return invalid("the value for the template parameter '%s' is not provided. Please see https://aka.ms/arm-pass-parameter-values for usage details", name)
			}
			value, err := e.value(p.fallback)
			if err != nil {
				if len(left)+1 > len(pending) || !e.waits(err) {
					return invalid("the default of parameter '%s': %v", name, err)
				}
				left = append(left, name)
				continue
			}
			e.parameters[name] = value
			if err := p.check(name, value); err != nil {
				return err
			}
		}
		if pending = left; len(pending) == 0 {
			return nil
		}
	}
	return invalid("the defaults of the parameters '%s' are made of each other", strings.Join(pending, ", "))
}

// check holds a value against the declaration.
func (p parameter) check(name string, value any) error {
	if value == nil && p.optional {
		return nil
	}
	length, good := int64(-1), false
	switch v := value.(type) {
	case string:
		length, good = int64(len([]rune(v))), p.kind == "string" || p.kind == "securestring"
	case int64:
		good = p.kind == "int"
		if good && (p.least != nil && v < *p.least || p.most != nil && v > *p.most) {
			return invalid("the provided value %d for the template parameter '%s' isn't between minValue and maxValue", v, name)
		}
	case bool:
		good = p.kind == "bool"
	case []any:
		length, good = int64(len(v)), p.kind == "array"
	case map[string]any:
		good = p.kind == "object" || p.kind == "secureobject"
	}
	switch {
	case !good:
		return invalid("the provided value for the template parameter '%s' isn't of type '%s'", name, p.kind)
	case length >= 0 && (p.shortest != nil && length < *p.shortest || p.longest != nil && length > *p.longest):
		return invalid("the length of the value for the template parameter '%s' isn't between minLength and maxLength", name)
	case p.allowed != nil && !slices.ContainsFunc(p.allowed, func(a any) bool { return expression.Equal(a, value) }):
		return invalid("the provided value for the template parameter '%s' is not valid. The value is not part of the allowed value(s): '%s'", name, list(p.allowed))
	}
	return nil
}

func list(values []any) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = expression.Text(v)
	}
	return strings.Join(texts, ",")
}

func find[T any](in map[string]T, name string) (string, bool) {
	if _, ok := in[name]; ok {
		return name, true
	}
	for known := range in {
		if strings.EqualFold(known, name) {
			return known, true
		}
	}
	return "", false
}

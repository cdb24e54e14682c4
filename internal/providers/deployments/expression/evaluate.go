package expression

import (
	"fmt"
	"strings"
)

// Environment provides the functions that need a deployment. known is false for a
// name that it doesn't have.
type Environment interface {
	Call(name string, arguments []any) (value any, known bool, err error)
}

// Evaluate computes the value.
func (e *Expression) Evaluate(env Environment) (any, error) { return e.root.evaluate(env) }

type node interface {
	evaluate(env Environment) (any, error)
}

type (
	literal struct{ value any }
	call    struct {
		name      string
		arguments []node
	}
	member struct {
		of, name node
		safe     bool
	}
)

func (n literal) evaluate(Environment) (any, error) { return n.value, nil }

func (n call) evaluate(env Environment) (any, error) {
	lower := strings.ToLower(n.name)
	if lazy, ok := n.lazy(lower); ok {
		return lazy(env)
	}
	arguments := make([]any, len(n.arguments))
	for i, a := range n.arguments {
		var err error
		if arguments[i], err = a.evaluate(env); err != nil {
			return nil, err
		}
	}
	value, known, err := env.Call(lower, arguments)
	if known || err != nil {
		return value, err
	}
	f, known := lookup(lower)
	if !known {
		return nil, fmt.Errorf("the template function '%s' is not valid or not supported", n.name)
	}
	if len(arguments) < f.least || f.most >= 0 && len(arguments) > f.most {
		return nil, fmt.Errorf("the template function '%s' was called with %d parameters", n.name, len(arguments))
	}
	value, err = f.run(arguments)
	if err != nil {
		return nil, fmt.Errorf("the template function '%s': %w", n.name, err)
	}
	return value, nil
}

// lazy are the functions that don't evaluate all of their arguments.
func (n call) lazy(name string) (func(Environment) (any, error), bool) {
	switch {
	case name == "if" && len(n.arguments) == 3:
		return func(env Environment) (any, error) {
			chosen, err := n.truth(env, 0)
			if err != nil {
				return nil, err
			}
			if chosen {
				return n.arguments[1].evaluate(env)
			}
			return n.arguments[2].evaluate(env)
		}, true
	case (name == "and" || name == "or") && len(n.arguments) >= 2:
		return func(env Environment) (any, error) {
			for i := range n.arguments {
				if b, err := n.truth(env, i); err != nil || b == (name == "or") {
					return b, err
				}
			}
			return name == "and", nil
		}, true
	}
	return nil, false
}

func (n call) truth(env Environment, i int) (bool, error) {
	value, err := n.arguments[i].evaluate(env)
	if err != nil {
		return false, err
	}
	b, ok := value.(bool)
	if !ok {
		return false, fmt.Errorf("the template function '%s' expects a boolean, not %s", n.name, typeName(value))
	}
	return b, nil
}

func (n member) evaluate(env Environment) (any, error) {
	of, err := n.of.evaluate(env)
	if err != nil {
		return nil, err
	}
	name, err := n.name.evaluate(env)
	if err != nil {
		return nil, err
	}
	value, err := Member(of, name)
	if err != nil && n.safe {
		return nil, nil
	}
	return value, err
}

// Member reads a property of an object in any casing, or an element of an array.
func Member(of, name any) (any, error) {
	switch of := of.(type) {
	case map[string]any:
		key, ok := name.(string)
		if !ok {
			return nil, fmt.Errorf("a property is named by a string, not %s", typeName(name))
		}
		if value, ok := of[key]; ok {
			return value, nil
		}
		var known []string
		for k, value := range of {
			if strings.EqualFold(k, key) {
				return value, nil
			}
			known = append(known, k)
		}
		return nil, fmt.Errorf("the language expression property '%s' doesn't exist, available properties are '%s'", key, strings.Join(sorted(known), ", "))
	case []any:
		i, ok := name.(int64)
		if !ok || i < 0 || i >= int64(len(of)) {
			return nil, fmt.Errorf("the language expression array index '%v' is out of bounds", name)
		}
		return of[i], nil
	}
	return nil, fmt.Errorf("the language expression property '%v' can't be evaluated on %s", name, typeName(of))
}

// Walk replaces the expressions in a document by their values. Names of members
// may be expressions too.
func Walk(document any, env Environment) (any, error) {
	switch d := document.(type) {
	case string:
		if strings.HasPrefix(d, "[[") {
			return d[1:], nil
		}
		if !Is(d) {
			return d, nil
		}
		e, err := Parse(d)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", d, err)
		}
		return e.Evaluate(env)
	case []any:
		out := make([]any, len(d))
		for i := range d {
			var err error
			if out[i], err = Walk(d[i], env); err != nil {
				return nil, err
			}
		}
		return out, nil
	case map[string]any:
		out := make(map[string]any, len(d))
		for name, value := range d {
			key, err := Walk(name, env)
			if err != nil {
				return nil, err
			}
			text, ok := key.(string)
			if !ok {
				return nil, fmt.Errorf("the property name '%s' isn't a string", name)
			}
			if out[text], err = Walk(value, env); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return document, nil
}

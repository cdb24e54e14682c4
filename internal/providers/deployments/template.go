package deployments

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lanyard-project/lanyard/internal/providers/deployments/expression"
)

// template is a template as it was read: its expressions aren't evaluated yet.
type template struct {
	parameters map[string]parameter
	variables  map[string]any
	resources  []declared
	outputs    map[string]any
}

// declared is one resource of a template.
type declared struct {
	symbol string // its name in a template of language version 2.0
	body   map[string]any
	parent *declared
}

// maxResources is Azure's limit of resources in a template, loops unrolled.
const maxResources = 800

// readTemplate reads a template's document.
func readTemplate(raw json.RawMessage) (*template, error) {
	value, err := expression.Decode(raw)
	if err != nil {
		return nil, invalid("%v", err)
	}
	document, ok := value.(map[string]any)
	if !ok {
		return nil, invalid("the template must be a JSON object")
	}
	t := &template{parameters: map[string]parameter{}}
	if schema, ok := member(document, "$schema").(string); !ok || !strings.Contains(strings.ToLower(schema), "deploymenttemplate.json") {
		return nil, invalid("the template's $schema is missing or isn't that of a deployment template")
	}
	if functions, ok := member(document, "functions").([]any); ok && len(functions) > 0 {
		return nil, unsupported("User-defined functions", "Write their expressions where they are used.")
	}
	if t.variables, err = object(document, "variables"); err != nil {
		return nil, err
	}
	if t.outputs, err = object(document, "outputs"); err != nil {
		return nil, err
	}
	parameters, err := object(document, "parameters")
	if err != nil {
		return nil, err
	}
	for name, value := range parameters {
		if t.parameters[name], err = readParameter(name, value); err != nil {
			return nil, err
		}
	}
	switch resources := member(document, "resources").(type) {
	case nil:
	case []any:
		err = t.declare(resources, nil)
	case map[string]any:
		for _, symbol := range slices.Sorted(maps.Keys(resources)) {
			if err == nil {
				err = t.declareOne(resources[symbol], symbol, nil)
			}
		}
	default:
		err = invalid("the template's 'resources' must be an array or an object")
	}
	return t, err
}

// declare adds resources and, behind each, those that it holds.
func (t *template) declare(list []any, parent *declared) error {
	for _, value := range list {
		if err := t.declareOne(value, "", parent); err != nil {
			return err
		}
	}
	return nil
}

func (t *template) declareOne(value any, symbol string, parent *declared) error {
	body, ok := value.(map[string]any)
	if !ok {
		return invalid("a resource must be an object")
	}
	for _, name := range []string{"type", "name"} {
		if _, ok := member(body, name).(string); !ok {
			return invalid("a resource has no '%s'", name)
		}
	}
	d := declared{symbol: symbol, body: body, parent: parent}
	t.resources = append(t.resources, d)
	if children, ok := member(body, "resources").([]any); ok && !strings.EqualFold(fmt.Sprint(member(body, "type")), deploymentType) {
		return t.declare(children, &d)
	}
	return nil
}

// member reads a property in any casing; nil when it isn't there.
func member(of map[string]any, name string) any {
	if value, ok := of[name]; ok {
		return value
	}
	for known, value := range of {
		if strings.EqualFold(known, name) {
			return value
		}
	}
	return nil
}

func object(of map[string]any, name string) (map[string]any, error) {
	switch value := member(of, name).(type) {
	case nil:
		return map[string]any{}, nil
	case map[string]any:
		return value, nil
	}
	return nil, invalid("the template's '%s' must be an object", name)
}

package deployments

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/providers/deployments/expression"
)

// errLater says that an expression asks for a resource that isn't made yet.
var errLater = errors.New("a resource that it refers to isn't deployed yet")

// errParameter says that a parameter has no value yet.
var errParameter = errors.New("a parameter has no value yet")

// environment is what the expressions of one deployment are evaluated in.
type environment struct {
	id         armid.ID // the deployment
	location   string
	tenant     string
	origin     string
	now        time.Time
	group      *resource.Resource // nil at a subscription
	template   *template
	parameters map[string]any
	defaulting bool // newGuid and utcNow are allowed
	variables  map[string]any
	evaluating []string // variables, to find circles
	loops      []loop
	effort     *effort
	// read reads a resource for reference() and list…(); nil until the deployment runs.
	read func(name, version, action string, body any) (map[string]any, error)
}

// loop is a copy loop on the way to an expression.
type loop struct {
	name  string
	index int64
}

func (e *environment) scope() armid.ID { return e.id.Parent() }

func (e *environment) waits(err error) bool {
	return errors.Is(err, errParameter) || errors.Is(err, errLater)
}

// with returns the environment inside of one more loop.
func (e *environment) with(l loop) *environment {
	inner := *e
	inner.loops = append(slices.Clone(e.loops), l)
	return &inner
}

// value evaluates everything in a document, copy loops of properties included.
func (e *environment) value(document any) (any, error) {
	if err := e.effort.spend(1); err != nil {
		return nil, err
	}
	switch d := document.(type) {
	case []any:
		out := make([]any, len(d))
		for i := range d {
			var err error
			if out[i], err = e.value(d[i]); err != nil {
				return nil, err
			}
		}
		return out, nil
	case map[string]any:
		return e.object(d)
	}
	result, err := expression.Walk(document, e)
	if text, ok := result.(string); ok && err == nil {
		err = e.effort.spend(len(text) / textPerValue)
	}
	return result, err
}

func (e *environment) object(d map[string]any) (any, error) {
	out := make(map[string]any, len(d))
	for name, value := range d {
		if loops, ok := value.([]any); ok && strings.EqualFold(name, "copy") && areLoops(loops) {
			if err := e.unroll(loops, out); err != nil {
				return nil, err
			}
			continue
		}
		key, err := expression.Walk(name, e)
		if err != nil {
			return nil, err
		}
		if out[expression.Text(key)], err = e.value(value); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func areLoops(list []any) bool {
	return len(list) > 0 && !slices.ContainsFunc(list, func(v any) bool {
		l, ok := v.(map[string]any)
		return !ok || member(l, "name") == nil || member(l, "count") == nil || member(l, "input") == nil
	})
}

// unroll makes the arrays of copy loops inside of an object.
func (e *environment) unroll(loops []any, into map[string]any) error {
	for _, v := range loops {
		l := v.(map[string]any) //nolint:forcetypeassert // areLoops
		name, count, err := e.loop(l)
		if err != nil {
			return err
		}
		out := make([]any, count)
		for i := range out {
			if out[i], err = e.with(loop{name, int64(i)}).value(member(l, "input")); err != nil {
				return err
			}
		}
		into[name] = out
	}
	return nil
}

func (e *environment) loop(l map[string]any) (string, int64, error) {
	name, err := expression.Walk(member(l, "name"), e)
	if err != nil {
		return "", 0, err
	}
	count, err := expression.Walk(member(l, "count"), e)
	if err != nil {
		return "", 0, err
	}
	n, ok := count.(int64)
	if !ok || n < 0 || n > maxResources {
		return "", 0, fmt.Errorf("the count of copy loop '%v' must be an integer between 0 and %d", name, maxResources)
	}
	return expression.Text(name), n, nil
}

// Call implements expression.Environment.
func (e *environment) Call(name string, a []any) (any, bool, error) {
	if err := e.effort.spend(1); err != nil {
		return nil, true, err
	}
	value, err := e.call(name, a)
	if errors.Is(err, errNoSuchFunction) {
		return nil, false, nil
	}
	if err != nil && !e.waits(err) {
		err = fmt.Errorf("the template function '%s': %w", name, err)
	}
	return value, true, err
}

var errNoSuchFunction = errors.New("no function of a deployment")

func (e *environment) call(name string, a []any) (any, error) {
	switch name {
	case "parameters":
		return e.parameter(a)
	case "variables":
		return e.variable(a)
	case "copyindex":
		return e.copyIndex(a)
	case "resourcegroup":
		if e.group == nil {
			return nil, errors.New("a deployment to a subscription is in no resource group")
		}
		return groupValue(e.group), nil
	case "subscription":
		s := e.id.SubscriptionID()
		return map[string]any{"id": s.String(), "subscriptionId": s.Name(), "tenantId": e.tenant, "displayName": s.Name()}, nil
	case "tenant":
		return map[string]any{"tenantId": e.tenant, "displayName": e.tenant, "countryCode": ""}, nil
	case "deployment":
		return map[string]any{"name": e.id.Name(), "location": e.location, "properties": map[string]any{"mode": "Incremental", "provisioningState": "Running"}}, nil
	case "environment":
		return e.endpoints(), nil
	case "resourceid", "subscriptionresourceid", "tenantresourceid", "extensionresourceid":
		return e.resourceID(name, a)
	case "reference":
		return e.reference(a)
	case "newguid", "utcnow":
		return e.once(name, a)
	}
	if action, ok := strings.CutPrefix(name, "list"); ok && action != "" {
		return e.list(name, a)
	}
	return nil, errNoSuchFunction
}

func groupValue(g *resource.Resource) map[string]any {
	tags := map[string]any{}
	for name, value := range g.Tags {
		tags[name] = value
	}
	return map[string]any{
		"id": g.ID.String(), "name": g.ID.Name(), "type": armid.ResourceGroupType, "location": g.Location, "tags": tags,
		"managedBy": g.ManagedBy, "properties": map[string]any{"provisioningState": resource.Succeeded},
	}
}

func (e *environment) endpoints() map[string]any {
	return map[string]any{
		"name": "Lanyard", "resourceManager": e.origin, "activeDirectory": e.origin,
		"authentication": map[string]any{"loginEndpoint": e.origin, "audiences": []any{"https://management.core.windows.net/", "https://management.azure.com/"}, "tenant": "common", "identityProvider": "AAD"},
		"suffixes":       map[string]any{"storage": "core.windows.net", "keyvaultDns": ".vault.azure.net", "acrLoginServer": ".azurecr.io"},
	}
}

func oneText(a []any, i int) (string, error) {
	if i >= len(a) {
		return "", errors.New("misses a parameter")
	}
	s, ok := a[i].(string)
	if !ok {
		return "", fmt.Errorf("expects a string as parameter %d", i+1)
	}
	return s, nil
}

func (e *environment) parameter(a []any) (any, error) {
	name, err := oneText(a, 0)
	if err != nil {
		return nil, err
	}
	if known, ok := find(e.parameters, name); ok {
		return e.parameters[known], nil
	}
	if _, ok := find(e.template.parameters, name); ok {
		return nil, errParameter
	}
	return nil, fmt.Errorf("the template parameter '%s' is not found", name)
}

func (e *environment) variable(a []any) (any, error) {
	name, err := oneText(a, 0)
	if err != nil {
		return nil, err
	}
	if value, ok := e.variables[strings.ToLower(name)]; ok {
		return value, nil
	}
	known, ok := find(e.template.variables, name)
	if !ok {
		if loops, isLoop := member(e.template.variables, "copy").([]any); isLoop && areLoops(loops) {
			made := map[string]any{}
			if err := e.unroll(loops, made); err != nil {
				return nil, err
			}
			if key, ok := find(made, name); ok {
				return made[key], nil
			}
		}
		return nil, fmt.Errorf("the template variable '%s' is not found", name)
	}
	if slices.Contains(e.evaluating, known) {
		return nil, fmt.Errorf("the template variable '%s' is made of itself", name)
	}
	inner := *e
	inner.loops, inner.evaluating = nil, append(slices.Clone(e.evaluating), known)
	value, err := inner.value(e.template.variables[known])
	if err == nil && e.variables != nil {
		e.variables[strings.ToLower(name)] = value
	}
	return value, err
}

// copyIndex is copyIndex(), copyIndex(offset), copyIndex('loop') or both.
func (e *environment) copyIndex(a []any) (any, error) {
	name, offset := "", int64(0)
	for _, v := range a {
		switch v := v.(type) {
		case string:
			name = v
		case int64:
			offset = v
		default:
			return nil, errors.New("expects the name of a loop or an offset")
		}
	}
	for _, l := range slices.Backward(e.loops) {
		if name == "" || strings.EqualFold(l.name, name) {
			return l.index + offset, nil
		}
	}
	return nil, errors.New("is used outside of its copy loop")
}

// once are the functions that give another value each time, which only the
// default of a parameter may have.
func (e *environment) once(name string, a []any) (any, error) {
	if !e.defaulting {
		return nil, errors.New("can only be used in the default value of a parameter")
	}
	if name == "newguid" {
		return uuid.NewString(), nil
	}
	layout := "20060102T150405Z"
	if len(a) == 1 {
		format, err := oneText(a, 0)
		if err != nil {
			return nil, err
		}
		switch format {
		case "yyyyMMddTHHmmssZ":
		case "u":
			layout = "2006-01-02 15:04:05Z"
		case "d", "yyyy-MM-dd":
			layout = "2006-01-02"
		default:
			return nil, fmt.Errorf("the format '%s' isn't supported: it is 'u', 'd' or 'yyyyMMddTHHmmssZ'", format)
		}
	}
	return e.now.UTC().Format(layout), nil
}

func (e *environment) reference(a []any) (any, error) {
	name, err := oneText(a, 0)
	if err != nil {
		return nil, err
	}
	version, full := "", false
	for i := 1; i < len(a); i++ {
		text, err := oneText(a, i)
		if err != nil {
			return nil, err
		}
		if strings.EqualFold(text, "Full") {
			full = true
		} else {
			version = text
		}
	}
	if e.read == nil {
		return nil, errLater
	}
	document, err := e.read(name, version, "", nil)
	if err != nil || full {
		return document, err
	}
	if properties := member(document, "properties"); properties != nil {
		return properties, nil
	}
	return map[string]any{}, nil
}

// list is listKeys and the like: an action on a resource.
func (e *environment) list(action string, a []any) (any, error) {
	name, err := oneText(a, 0)
	if err != nil {
		return nil, err
	}
	version, err := oneText(a, 1)
	if err != nil {
		return nil, err
	}
	if e.read == nil {
		return nil, errLater
	}
	var body any
	if len(a) > 2 {
		body = a[2]
	}
	return e.read(name, version, action, body)
}

// reading gives an environment the means to read.
func (e *environment) reading(ctx context.Context, read func(ctx context.Context, name, version, action string, body any) (map[string]any, error)) {
	e.read = func(name, version, action string, body any) (map[string]any, error) {
		return read(ctx, name, version, action, body)
	}
}

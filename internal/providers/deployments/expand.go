package deployments

import (
	"fmt"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/providers/deployments/expression"
)

// planned is one resource that a deployment makes.
type planned struct {
	id       armid.ID
	typ      string
	name     string
	symbol   string
	version  string
	copyName string
	existing bool // only referred to
	needs    []armid.ID
	// body and env make the document, once everything that it refers to is there.
	body map[string]any
	env  *environment

	waits []string // dependsOn as it was written, until it is resolved
}

// expand unrolls loops, drops what has a false condition and orders the rest by
// name: everything but the documents, which may need what isn't there yet.
func (e *environment) expand() ([]*planned, error) {
	var out []*planned
	skipped := map[string]bool{}
	for i := range e.template.resources {
		d := &e.template.resources[i]
		some, err := e.unrolled(d, skipped)
		if err != nil {
			return nil, invalid("the resource '%v' of type '%v': %v", member(d.body, "name"), member(d.body, "type"), err)
		}
		out = append(out, some...)
		if len(out) > maxResources {
			return nil, invalid("the template makes more than %d resources", maxResources)
		}
	}
	seen := map[string]bool{}
	for _, p := range out {
		if seen[p.id.Key()] {
			return nil, invalid("the resource '%s' is defined multiple times in the template", p.id)
		}
		seen[p.id.Key()] = true
		if err := p.resolveNeeds(out, skipped); err != nil {
			return nil, err
		}
	}
	return out, acyclic(out)
}

func (e *environment) unrolled(d *declared, skipped map[string]bool) ([]*planned, error) {
	l, ok := member(d.body, "copy").(map[string]any)
	if !ok {
		p, err := e.planOne(d, "", skipped)
		if p == nil || err != nil {
			return nil, err
		}
		return []*planned{p}, nil
	}
	name, count, err := e.loop(l)
	if err != nil {
		return nil, err
	}
	if count == 0 {
		skipped[strings.ToLower(name)] = true
	}
	var out []*planned
	for i := range count {
		p, err := e.with(loop{name, i}).planOne(d, name, skipped)
		if err != nil {
			return nil, err
		}
		if p != nil {
			out = append(out, p)
		}
	}
	return out, nil
}

// planOne names a resource; nil when its condition is false.
func (e *environment) planOne(d *declared, copyName string, skipped map[string]bool) (*planned, error) {
	p := &planned{symbol: d.symbol, copyName: copyName, body: d.body, env: e}
	var err error
	if p.typ, p.name, err = e.fullName(d); err != nil {
		return nil, err
	}
	scope, err := e.target(d.body, p.typ)
	if err != nil {
		return nil, err
	}
	if p.id, err = under(scope, p.typ, p.name); err != nil {
		return nil, err
	}
	p.existing, _ = member(d.body, "existing").(bool)
	if v := member(d.body, "apiVersion"); v != nil {
		if p.version, err = e.text(v); err != nil {
			return nil, err
		}
	} else if !p.existing {
		return nil, fmt.Errorf("has no 'apiVersion'")
	}
	if waits, ok := member(d.body, "dependsOn").([]any); ok {
		for _, w := range waits {
			text, err := e.text(w)
			if err != nil {
				return nil, err
			}
			p.waits = append(p.waits, text)
		}
	}
	if d.parent != nil {
		_, above, err := e.fullName(d.parent)
		if err != nil {
			return nil, err
		}
		p.waits = append(p.waits, above)
	}
	condition, err := expression.Walk(member(d.body, "condition"), e)
	if err != nil {
		return nil, err
	}
	if condition == false {
		for _, name := range []string{p.id.String(), p.name, p.typ + "/" + p.name, p.symbol} {
			skipped[strings.ToLower(name)] = true
		}
		return nil, nil
	}
	return p, nil
}

// fullName is the type and name of a resource, those of its parents before it.
func (e *environment) fullName(d *declared) (typ, name string, err error) {
	if typ, err = e.text(member(d.body, "type")); err != nil {
		return "", "", err
	}
	if name, err = e.text(member(d.body, "name")); err != nil {
		return "", "", err
	}
	first, _, _ := strings.Cut(typ, "/")
	if d.parent == nil || strings.Contains(first, ".") && strings.Contains(name, "/") {
		return typ, name, nil
	}
	above, aboveName, err := e.fullName(d.parent)
	if err != nil {
		return "", "", err
	}
	if strings.Contains(first, ".") {
		if rest, ok := strings.CutPrefix(strings.ToLower(typ), strings.ToLower(above)+"/"); ok {
			return above + "/" + typ[len(typ)-len(rest):], aboveName + "/" + name, nil
		}
		return above + "/providers/" + typ[strings.Index(typ, "/")+1:], aboveName + "/" + first + "/" + name, nil
	}
	if rest, ok := strings.CutPrefix(typ, "providers/"); ok {
		return above + "/providers/" + rest, aboveName + "/" + name, nil
	}
	return above + "/" + typ, aboveName + "/" + name, nil
}

// target is the scope that a resource is made at: the deployment's own, another
// group for a nested deployment, or any that "scope" names.
func (e *environment) target(body map[string]any, typ string) (armid.ID, error) {
	scope := e.scope()
	if strings.EqualFold(typ, deploymentType) {
		for _, name := range []string{"subscriptionId", "resourceGroup"} {
			v := member(body, name)
			if v == nil {
				continue
			}
			text, err := e.text(v)
			if err != nil {
				return scope, err
			}
			if name == "subscriptionId" {
				group := scope.ResourceGroup()
				if scope = armid.Subscription(text); group != "" && member(body, "resourceGroup") != nil {
					scope = armid.ResourceGroup(text, group)
				}
			} else {
				scope = armid.ResourceGroup(scope.Subscription(), text)
			}
		}
	}
	v := member(body, "scope")
	if v == nil {
		return scope, nil
	}
	text, err := e.text(v)
	if err != nil {
		return scope, err
	}
	if strings.HasPrefix(text, "/") {
		return armid.Parse(text)
	}
	// "Type/name" in the deployment's own scope.
	segments := strings.Split(text, "/")
	if len(segments) < 3 || len(segments)%2 == 0 {
		return scope, fmt.Errorf("the scope '%s' is neither a resource ID nor a type and name", text)
	}
	return armid.Parse(strings.TrimSuffix(scope.String(), "/") + "/providers/" + text)
}

// matches reports whether a text of dependsOn or reference() names the resource.
func (p *planned) matches(text string) bool {
	if strings.HasPrefix(text, "/") {
		id, err := armid.Parse(text)
		return err == nil && id.Equal(p.id)
	}
	last := p.name[strings.LastIndexByte(p.name, '/')+1:]
	for _, name := range []string{p.symbol, p.copyName, p.name, p.typ + "/" + p.name, interleaved(p.typ, p.name)} {
		if name != "" && strings.EqualFold(name, text) {
			return true
		}
	}
	return strings.EqualFold(last, text)
}

// interleaved is the form Namespace/type/name/child/name.
func interleaved(typ, name string) string {
	parts, names := strings.Split(typ, "/"), strings.Split(name, "/")
	if len(parts) != len(names)+1 {
		return ""
	}
	out := parts[0]
	for i, n := range names {
		out += "/" + parts[i+1] + "/" + n
	}
	return out
}

func (p *planned) resolveNeeds(all []*planned, skipped map[string]bool) error {
	for _, text := range p.waits {
		found := false
		for _, other := range all {
			if other != p && other.matches(text) {
				p.needs = append(p.needs, other.id)
				found = true
			}
		}
		if !found && !skipped[strings.ToLower(text)] {
			return invalid("the resource '%s' is not defined in the template. Please see https://aka.ms/arm-syntax for usage details. (dependsOn of '%s')", text, p.id)
		}
	}
	return nil
}

// acyclic fails when resources wait for each other.
func acyclic(all []*planned) error {
	done := map[string]bool{}
	for range all {
		for _, p := range all {
			ready := true
			for _, n := range p.needs {
				ready = ready && done[n.Key()]
			}
			if ready {
				done[p.id.Key()] = true
			}
		}
	}
	var stuck []string
	for _, p := range all {
		if !done[p.id.Key()] {
			stuck = append(stuck, p.id.String())
		}
	}
	if len(stuck) > 0 {
		return invalid("circular dependency detected on resources: '%s'", strings.Join(stuck, ", "))
	}
	return nil
}

// document evaluates what is put for the resource.
func (p *planned) document(env *environment) (map[string]any, error) {
	at := *env
	at.loops = p.env.loops
	body := map[string]any{}
	for name, value := range p.body {
		switch strings.ToLower(name) {
		case "type", "name", "apiversion", "dependson", "condition", "copy", "comments", "scope", "metadata", "existing", "subscriptionid", "resourcegroup", "resources":
			continue
		}
		if strings.EqualFold(name, "properties") && strings.EqualFold(p.typ, deploymentType) {
			nested, err := at.nested(value)
			if err != nil {
				return nil, err
			}
			body[name] = nested
			continue
		}
		evaluated, err := at.value(value)
		if err != nil {
			return nil, err
		}
		body[name] = evaluated
	}
	return body, nil
}

// nested evaluates the properties of a nested deployment: all of them in the
// outer one's environment, or with the scope "inner" all but its template.
func (e *environment) nested(value any) (any, error) {
	properties, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("the properties of a nested deployment must be an object")
	}
	options, _ := member(properties, "expressionEvaluationOptions").(map[string]any)
	scope, _ := member(options, "scope").(string)
	out := map[string]any{}
	for name, v := range properties {
		if strings.EqualFold(name, "template") && strings.EqualFold(scope, "inner") {
			out[name] = v
			continue
		}
		evaluated, err := e.value(v)
		if err != nil {
			return nil, err
		}
		out[name] = evaluated
	}
	return out, nil
}

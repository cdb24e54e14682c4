package deployments

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/providers/deployments/expression"
)

// change is what a deployment would do to one resource.
type change struct {
	ResourceID string         `json:"resourceId"`
	ChangeType string         `json:"changeType"` // Create, Modify, NoChange, Deploy (can't tell), Ignore, Delete
	Before     map[string]any `json:"before,omitempty"`
	After      map[string]any `json:"after,omitempty"`
	Delta      []delta        `json:"delta,omitempty"`
}

type delta struct {
	Path   string `json:"path"`
	Type   string `json:"propertyChangeType"` // Create, Modify
	Before any    `json:"before,omitempty"`
	After  any    `json:"after,omitempty"`
}

// whatIf tells what a deployment would do. It answers at once, where Azure makes
// its clients poll.
func (p *Provider) whatIf(ctx context.Context, r *providers.Request) (rest.Response, error) {
	made, err := p.proposed(ctx, r)
	if err != nil {
		return rest.Response{}, err
	}
	changes := []change{}
	for _, one := range made.plan {
		if one.existing {
			continue
		}
		c, err := p.foresee(ctx, r.Caller, made.env, one)
		if err != nil {
			return rest.Response{}, err
		}
		changes = append(changes, c)
	}
	others, err := p.untouched(ctx, r, made)
	if err != nil {
		return rest.Response{}, err
	}
	return rest.OK(map[string]any{
		"status": "Succeeded", "properties": map[string]any{"correlationId": uuid.NewString(), "changes": append(changes, others...)},
	}), nil
}

func (p *Provider) foresee(ctx context.Context, caller providers.Caller, env *environment, one *planned) (change, error) {
	c := change{ResourceID: one.id.String()}
	after, err := one.document(env)
	stored, readErr := p.cfg.Resources.Get(ctx, one.id)
	switch {
	case readErr != nil && !rest.IsNotFound(readErr):
		return c, readErr
	case err != nil && !env.waits(err):
		return c, invalid("the resource '%s': %v", one.id, err)
	case err != nil:
		c.ChangeType = "Deploy" // its document depends on what isn't there yet
		return c, nil
	}
	after["id"], after["name"], after["type"], after["apiVersion"] = one.id.String(), one.id.Name(), one.typ, one.version
	c.After = after
	t := p.cfg.Registry.Find(one.id.Type())
	if stored == nil {
		c.ChangeType = "Create"
		return c, nil
	}
	if t == nil {
		return c, nil
	}
	if allowed, _ := p.cfg.Check(ctx, caller, t.Permission("read"), one.id); !allowed {
		return change{ResourceID: c.ResourceID, ChangeType: "Deploy"}, nil
	}
	if c.Before, err = shown(t, stored); err != nil {
		return c, err
	}
	compare("", c.Before, after, &c.Delta)
	c.ChangeType = "NoChange"
	if len(c.Delta) > 0 {
		c.ChangeType = "Modify"
	}
	return c, nil
}

func shown(t *providers.Type, stored *resource.Resource) (map[string]any, error) {
	raw, err := stored.Wire(t.Wire(stored.ID))
	if err != nil {
		return nil, err
	}
	value, err := expression.Decode(raw)
	if err != nil {
		return nil, err
	}
	document, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("showing %s: it is no object", stored.ID)
	}
	return document, nil
}

// compare collects where a template says otherwise than what there is. What it
// doesn't mention stays as it is.
func compare(path string, before, after map[string]any, into *[]delta) {
	for _, name := range slices.Sorted(maps.Keys(after)) {
		at := strings.TrimPrefix(path+"."+name, ".")
		switch at {
		case "id", "name", "type", "apiVersion":
			continue
		}
		was := member(before, name)
		inner, nested := after[name].(map[string]any)
		outer, also := was.(map[string]any)
		switch {
		case nested && also:
			compare(at, outer, inner, into)
		case was == nil:
			*into = append(*into, delta{Path: at, Type: "Create", After: after[name]})
		case at == "location" && expression.Text(was) == providers.NormalRegion(expression.Text(after[name])):
		case !expression.Equal(was, after[name]):
			*into = append(*into, delta{Path: at, Type: "Modify", Before: was, After: after[name]})
		}
	}
}

// untouched are the group's other resources: ignored, or in mode Complete deleted.
func (p *Provider) untouched(ctx context.Context, r *providers.Request, made *proposal) ([]change, error) {
	if r.ID.ResourceGroup() == "" {
		return nil, nil
	}
	run := &runner{Provider: p, env: made.env, plan: made.plan}
	others, err := run.others(ctx)
	if err != nil {
		return nil, err
	}
	kind := "Ignore"
	if strings.EqualFold(made.q.Mode, "Complete") {
		kind = "Delete"
	}
	var out []change
	for _, one := range others {
		if allowed, _ := p.cfg.Check(ctx, r.Caller, p.cfg.Registry.Find(one.ID.Type()).Permission("read"), one.ID); allowed {
			out = append(out, change{ResourceID: one.ID.String(), ChangeType: kind})
		}
	}
	return out, nil
}

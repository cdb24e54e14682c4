package shape

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/store"
)

// partType serves the elements of a part as children of their document.
func (c *compiled) partType(p *Part) *providers.Type {
	t := &providers.Type{
		Namespace:    c.kind.Type.Namespace,
		Name:         c.kind.Type.Name + "/" + p.segment(),
		APIVersions:  c.kind.Type.APIVersions,
		Levels:       c.kind.Type.Levels,
		Verbs:        providers.ReadOnly,
		ShowETag:     c.kind.Type.ShowETag,
		HideSystem:   true,
		NamePattern:  c.kind.Type.NamePattern,
		NameRule:     c.kind.Type.NameRule,
		GroupSegment: c.kind.Type.GroupSegment,
		Embedded:     true,
		Get: func(ctx context.Context, r *providers.Request) (*resource.Resource, error) {
			return c.getElement(ctx, p, r)
		},
		List: func(ctx context.Context, r *providers.Request) ([]*resource.Resource, error) {
			return c.listElements(ctx, p, r)
		},
	}
	if p.Writable {
		t.Verbs |= providers.CanPut | providers.CanDelete
		t.Prepare = func(_ context.Context, r *providers.Request) error { return c.prepareElement(p, r) }
		t.Admit = func(ctx context.Context, r *providers.Request) error { return c.writeElement(ctx, p, r) }
		t.Remove = func(ctx context.Context, r *providers.Request) error { return c.writeElement(ctx, p, r) }
	}
	return t
}

func (c *compiled) getElement(ctx context.Context, p *Part, r *providers.Request) (*resource.Resource, error) {
	one := *r
	one.Scope = r.ID.Parent()
	all, err := c.listElements(ctx, p, &one)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(all, func(e *resource.Resource) bool { return e.ID.Equal(r.ID) })
	if i < 0 {
		return nil, rest.ResourceNotFound(r.ID.String(), r.ID.ResourceGroup())
	}
	return all[i], nil
}

// listElements reads the elements as the document shows them.
func (c *compiled) listElements(ctx context.Context, p *Part, r *providers.Request) ([]*resource.Resource, error) {
	parent, err := c.deps.Resources.Get(ctx, r.Scope)
	if err != nil {
		return nil, err
	}
	properties, err := c.shown(ctx, parent)
	if err != nil {
		return nil, err
	}
	var out []*resource.Resource
	for _, element := range properties.Objects(p.Member) {
		raw, err := element.encode()
		if err != nil {
			return nil, err
		}
		child, err := resource.FromPut(c.partID(parent.ID, p, element), nil, raw)
		if err != nil {
			return nil, err
		}
		child.Revision, child.ProvisioningState = parent.Revision, resource.Succeeded
		out = append(out, child)
	}
	return out, nil
}

// prepareElement checks an element that is put by itself.
func (c *compiled) prepareElement(p *Part, r *providers.Request) error {
	element, err := elementOf(r.Next)
	if err != nil {
		return err
	}
	d := &Document{Request: r, ID: r.ID.Parent(), Deps: c.deps}
	if r.Old != nil {
		old, err := elementOf(r.Old)
		if err != nil {
			return err
		}
		d.Old = Object{p.Member: []any{map[string]any(old)}}
	}
	if err := c.completeElement(d, p, r.ID, element); err != nil {
		return err
	}
	inside, _ := object(element.Get("properties"))
	refs, err := p.FindReferences(r.ID.Parent(), r.ID, inside)
	if err != nil {
		return err
	}
	Link(r, refs, nil)
	r.Next.Properties, err = inside.encode()
	return err
}

// elementOf is a child as it stands in its parent's list.
func elementOf(child *resource.Resource) (Object, error) {
	element := Object{"name": child.ID.Name()}
	for name, raw := range child.Extra {
		var v any
		if err := json.Unmarshal(raw, &v); err != nil {
			return nil, rest.InvalidRequestContent(err.Error())
		}
		element[name] = v
	}
	if len(child.Zones) > 0 {
		element["zones"] = child.Zones
	}
	inside, err := parse(child.Properties)
	if err != nil {
		return nil, err
	}
	element["properties"] = map[string]any(inside)
	return element, nil
}

// writeElement puts the parent with the element, or without it, into the
// transaction.
func (c *compiled) writeElement(ctx context.Context, p *Part, r *providers.Request) error {
	parent, err := c.deps.Resources.Get(ctx, r.ID.Parent())
	if rest.IsNotFound(err) {
		return nil // the engine has the error for a missing parent
	}
	if err != nil {
		return err
	}
	if parent.Busy() {
		return rest.AnotherOperationInProgress(parent.ID.String(), "")
	}
	d := &Document{Request: r, ID: parent.ID, Location: parent.Location, SKU: skuName(parent.SKU), Zones: parent.Zones, Deps: c.deps}
	if d.Old, err = parse(parent.Properties); err != nil {
		return err
	}
	if d.Properties, err = parse(parent.Properties); err != nil {
		return err
	}
	list := slices.DeleteFunc(d.Properties.List(p.Member), func(v any) bool { return r.Next == nil && sameName(v, r.ID.Name()) })
	if r.Next != nil {
		element, err := elementOf(r.Next)
		if err != nil {
			return err
		}
		if i := slices.IndexFunc(list, func(v any) bool { return sameName(v, r.ID.Name()) }); i >= 0 {
			list[i] = map[string]any(element)
		} else {
			list = append(list, map[string]any(element))
		}
	}
	d.Properties.Set(p.Member, list)
	if c.kind.Check != nil {
		if err := c.kind.Check(d); err != nil {
			return err
		}
	}
	refs, err := c.references(d.ID, d.Properties)
	if err != nil {
		return err
	}
	if err := c.checkOwn(d.ID, d.Properties, refs); err != nil {
		return err
	}
	if err := c.track(ctx, r, d); err != nil {
		return err
	}
	next := parent.Clone()
	if next.Properties, err = d.Properties.encode(); err != nil {
		return err
	}
	raw, err := next.Store()
	if err != nil {
		return err
	}
	r.Conds = append(r.Conds, store.Unchanged(resource.StoreKey(parent.ID), parent.Revision))
	r.Ops = append(r.Ops, store.Put(resource.StoreKey(parent.ID), raw))
	return nil
}

func sameName(v any, name string) bool {
	o, ok := object(v)
	return ok && strings.EqualFold(o.Text("name"), name)
}

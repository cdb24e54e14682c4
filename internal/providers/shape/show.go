package shape

import (
	"context"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
)

// render shows the document with what the server computes.
func (c *compiled) render(ctx context.Context, r *resource.Resource, _ string) error {
	properties, err := c.shown(ctx, r)
	if err != nil {
		return err
	}
	r.Properties, err = properties.encode()
	return err
}

// shown are the properties as clients see them: parts with their IDs, and who
// refers to what.
func (c *compiled) shown(ctx context.Context, r *resource.Resource) (Object, error) {
	properties, err := parse(r.Properties)
	if err != nil || !c.decorates() {
		return properties, err
	}
	d := &Document{ID: r.ID, Resource: r, Location: r.Location, SKU: skuName(r.SKU), Zones: r.Zones, Properties: properties, Old: properties, Revision: r.Revision, Deps: c.deps}
	if c.kind.Show != nil {
		if err := c.kind.Show(ctx, d); err != nil {
			return nil, err
		}
	}
	elements := map[string]Object{} // properties of the parts by ID
	for i := range c.kind.Parts {
		p := &c.kind.Parts[i]
		if properties.Get(p.Member) == nil {
			properties.Set(p.Member, []any{})
		}
		for _, element := range properties.Objects(p.Member) {
			id := c.partID(r.ID, p, element)
			inside, ok := object(element.Get("properties"))
			if !ok {
				inside = Object{}
				element.Set("properties", inside)
			}
			elements[id.Key()] = inside
			element.Set("id", id.String())
			element.Set("type", c.kind.Type.FullName()+"/"+p.segment())
			if c.kind.Type.ShowETag {
				element.Set("etag", resource.ETag(r.Revision))
			}
			inside.Set("provisioningState", resource.Succeeded)
		}
	}
	if err := c.showOwn(r.ID, properties, elements); err != nil {
		return nil, err
	}
	return properties, c.showUses(ctx, r.ID, properties, elements)
}

// showOwn shows which parts refer to which.
func (c *compiled) showOwn(id armid.ID, properties Object, elements map[string]Object) error {
	refs, err := c.references(id, properties)
	if err != nil {
		return err
	}
	for _, f := range refs {
		if target := elements[f.Target.Key()]; f.own && f.Back != "" && target != nil {
			target.Append(f.Back, map[string]any{"id": f.By.String()})
		}
	}
	return nil
}

// showUses shows which other resources refer to the document and its parts.
func (c *compiled) showUses(ctx context.Context, id armid.ID, properties Object, elements map[string]Object) error {
	backs := false
	for _, r := range c.rules() {
		backs = backs || len(r.Backs) > 0
	}
	if !backs {
		return nil
	}
	uses, err := c.deps.Uses(ctx, id)
	if err != nil {
		return err
	}
	for _, u := range uses {
		c.kind.showUse(u, id, properties)
		for i := range c.kind.Parts {
			p := &c.kind.Parts[i]
			if u.Target.Is(c.kind.Type.FullName() + "/" + p.segment()) {
				p.showUse(u, u.Target, elements[u.Target.Key()])
			}
		}
	}
	return nil
}

func (r Rules) showUse(u Use, id armid.ID, properties Object) {
	if !u.Target.Equal(id) || properties == nil {
		return
	}
	for _, b := range r.Backs {
		if !u.By.Is(b.From) {
			continue
		}
		who := map[string]any{"id": u.By.String()}
		if b.Single {
			properties.Set(b.Member, who)
		} else {
			properties.Append(b.Member, who)
		}
	}
}

// Show applies a computation to the resource's properties.
func Show(ctx context.Context, deps Deps, r *resource.Resource, show func(context.Context, *Document) error) error {
	properties, err := parse(r.Properties)
	if err != nil {
		return err
	}
	d := &Document{ID: r.ID, Resource: r, Location: r.Location, SKU: skuName(r.SKU), Zones: r.Zones, Properties: properties, Old: properties, Revision: r.Revision, Deps: deps}
	if err := show(ctx, d); err != nil {
		return err
	}
	r.Properties, err = properties.encode()
	return err
}

// ShowBacks shows who refers to a resource that is no kind of this package.
func (d Deps) ShowBacks(ctx context.Context, r *resource.Resource, rules Rules) error {
	return Show(ctx, d, r, func(ctx context.Context, shown *Document) error {
		uses, err := d.Uses(ctx, r.ID)
		for _, u := range uses {
			rules.showUse(u, r.ID, shown.Properties)
		}
		return err
	})
}

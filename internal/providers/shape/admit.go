package shape

import (
	"context"

	"github.com/lanyard-project/lanyard/internal/providers"
)

// admit resolves what a document refers to, and lets the kind decide what needs
// state.
func (c *compiled) admit(ctx context.Context, r *providers.Request) error {
	d, err := c.document(r)
	if err != nil {
		return err
	}
	if c.kind.Identity {
		if err := c.deps.Identities.Admit(ctx, r); err != nil {
			return err
		}
	}
	if err := c.track(ctx, r, d); err != nil {
		return err
	}
	if c.kind.Admit != nil {
		if err := c.kind.Admit(ctx, d); err != nil {
			return err
		}
		if r.Next.Properties, err = d.Properties.encode(); err != nil {
			return err
		}
	}
	return nil
}

// track writes down the references of the document and refuses the removal of
// parts that others refer to.
func (c *compiled) track(ctx context.Context, r *providers.Request, d *Document) error {
	next, err := c.references(d.ID, d.Properties)
	if err != nil {
		return err
	}
	var old []Found
	if d.Old != nil {
		if old, err = c.references(d.ID, d.Old); err != nil {
			return err
		}
	}
	if err := c.deps.checkWeak(ctx, r, old, next); err != nil {
		return err
	}
	if err := c.deps.Track(ctx, r, Held(old), Held(next)); err != nil {
		return err
	}
	for i := range c.kind.Parts {
		p := &c.kind.Parts[i]
		for _, element := range d.Old.Objects(p.Member) {
			if findElement(d.Properties, p, element.Text("name")) != nil {
				continue
			}
			if err := c.deps.Vacate(ctx, r, c.partID(d.ID, p, element), d.ID, c.kind.InUse); err != nil {
				return err
			}
		}
	}
	return nil
}

// remove takes a document away with its references, unless others refer to it.
func (c *compiled) remove(ctx context.Context, r *providers.Request) error {
	d, err := c.document(r)
	if err != nil {
		return err
	}
	for _, nested := range c.kind.Nested {
		below, err := c.deps.Resources.List(ctx, d.ID, nested)
		if err != nil {
			return err
		}
		if len(below) > 0 {
			return nestedExist(d.ID)
		}
	}
	if err := c.deps.Vacate(ctx, r, d.ID, d.ID, c.kind.InUse); err != nil {
		return err
	}
	refs, err := c.references(d.ID, d.Old)
	if err != nil {
		return err
	}
	if err := c.deps.Track(ctx, r, Held(refs), nil); err != nil {
		return err
	}
	if c.kind.Identity {
		if err := c.deps.Identities.Remove(ctx, r); err != nil {
			return err
		}
	}
	if c.kind.Remove != nil {
		return c.kind.Remove(ctx, d)
	}
	return nil
}

package shape

import (
	"context"
	"slices"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/store"
)

// Found is a reference in a document.
type Found struct {
	Use
	Reference
	own bool // it names a part of the same document
}

// FindReferences reads the references of the document or part named by, which is
// in the document root.
func (r Rules) FindReferences(root, by armid.ID, properties Object) ([]Found, error) {
	var out []Found
	var failed error
	for _, ref := range r.References {
		properties.visit(ref.Path, func(in Object, key, at string) {
			text, isText := in[key].(string)
			if o, ok := object(in[key]); ok {
				text, isText = o.Text("id"), o.key("id") != "" && o["id"] != nil || ref.Open && len(o) > 0
			}
			if text == "" && (isText || in[key] == nil) || failed != nil {
				return
			}
			id, err := armid.Parse(text)
			if err != nil || id.ResourceGroup() == "" {
				failed = rest.LinkedInvalidPropertyID(text, at+".id")
				return
			}
			if ref.To != "" && !id.Is(ref.To) {
				failed = wrongReference(text, at, ref.To)
				return
			}
			out = append(out, Found{Use: Use{Target: id, By: by}, Reference: ref, own: id.Under(root)})
		})
	}
	return out, failed
}

// Find reads the references of a resource that is no kind of this package.
func (r Rules) Find(of *resource.Resource) ([]Found, error) {
	properties, err := parse(of.Properties)
	if err != nil {
		return nil, err
	}
	return r.FindReferences(of.ID, of.ID, properties)
}

// references reads all references of a document, those of its parts included.
func (c *compiled) references(id armid.ID, properties Object) ([]Found, error) {
	out, err := c.kind.FindReferences(id, id, properties)
	if err != nil {
		return nil, err
	}
	for i := range c.kind.Parts {
		p := &c.kind.Parts[i]
		if p.Computed {
			continue
		}
		for _, element := range properties.Objects(p.Member) {
			inside, _ := object(element.Get("properties"))
			more, err := p.FindReferences(id, c.partID(id, p, element), inside)
			if err != nil {
				return nil, err
			}
			out = append(out, more...)
		}
	}
	return out, nil
}

// Link demands the rights that references need: all of a PUT, and of a PATCH
// those that it adds.
func Link(r *providers.Request, refs, old []Found) {
	for _, f := range refs {
		had := r.Method == providers.Patch && slices.ContainsFunc(old, func(o Found) bool { return o.key() == f.key() })
		if !f.own && f.Action != "" && !had {
			r.Link(f.Action, f.Target)
		}
	}
}

// Held picks the references that are written down.
func Held(refs []Found) []Use {
	var out []Use
	seen := map[string]bool{}
	for _, f := range refs {
		if !f.own && !f.Loose && !f.Weak && !seen[f.key()] {
			seen[f.key()] = true
			out = append(out, f.Use)
		}
	}
	return out
}

// checkWeak fails unless the weak references that are new exist.
func (d Deps) checkWeak(ctx context.Context, r *providers.Request, old, next []Found) error {
	for _, f := range next {
		if f.own || !f.Weak || slices.ContainsFunc(old, func(o Found) bool { return o.key() == f.key() }) {
			continue
		}
		if err := d.exists(ctx, r, f.Use); err != nil {
			return err
		}
	}
	return nil
}

// checkOwn refuses references to parts that the document doesn't have.
func (c *compiled) checkOwn(id armid.ID, properties Object, refs []Found) error {
	for _, f := range refs {
		if f.own && !f.Target.Equal(id) && !c.hasPart(id, properties, f.Target) {
			return invalidReference(f.Target, f.By)
		}
	}
	return nil
}

func (c *compiled) hasPart(id armid.ID, properties Object, target armid.ID) bool {
	for i := range c.kind.Parts {
		p := &c.kind.Parts[i]
		for _, element := range properties.Objects(p.Member) {
			if c.partID(id, p, element).Equal(target) {
				return true
			}
		}
	}
	return false
}

// exists fails unless what a new reference names exists, and keeps it until the
// transaction. A part exists while its document has it.
func (d Deps) exists(ctx context.Context, r *providers.Request, u Use) error {
	at, err := d.Resources.Get(ctx, u.Target)
	if err == nil && at.ProvisioningState == resource.Deleting {
		return invalidReference(u.Target, u.By)
	}
	if err == nil {
		r.Conds = append(r.Conds, store.Exists(resource.StoreKey(u.Target)))
		return nil
	}
	if !rest.IsNotFound(err) {
		return err
	}
	parent, err := d.Resources.Get(ctx, u.Target.Parent())
	if rest.IsNotFound(err) {
		return invalidReference(u.Target, u.By)
	}
	if err != nil {
		return err
	}
	properties, err := parse(parent.Properties)
	if err != nil {
		return err
	}
	if !names(properties, u.Target) {
		return invalidReference(u.Target, u.By)
	}
	r.Conds = append(r.Conds, store.Unchanged(resource.StoreKey(parent.ID), parent.Revision))
	return nil
}

// names reports whether a document has an element of the part's name in the list
// of its type. Lists are called like the type's segment.
func names(properties Object, part armid.ID) bool {
	segment := part.Type()[strings.LastIndexByte(part.Type(), '/')+1:]
	for _, element := range properties.Objects(segment) {
		if strings.EqualFold(element.Text("name"), part.Name()) {
			return true
		}
	}
	return false
}

// topLevel is the type of the document that a type's resources are part of.
func topLevel(fullType string) string {
	parts := strings.SplitN(fullType, "/", 3)
	if len(parts) < 2 {
		return ""
	}
	return parts[0] + "/" + parts[1]
}

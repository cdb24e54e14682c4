package shape

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
)

// prepare checks and completes a document by its facts, and names the scopes
// that it refers to.
func (c *compiled) prepare(_ context.Context, r *providers.Request) error {
	d, err := c.document(r)
	if err != nil {
		return err
	}
	if len(r.Next.SKU) == 0 && c.kind.SKU != "" {
		r.Next.SKU = json.RawMessage(c.kind.SKU)
	}
	d.SKU = skuName(r.Next.SKU)
	if r.Next.Kind == "" {
		r.Next.Kind = c.kind.Kind
	}
	if err := c.kind.complete(d); err != nil {
		return err
	}
	for i := range c.kind.Parts {
		if err := c.completePart(d, &c.kind.Parts[i]); err != nil {
			return err
		}
	}
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
	var had []Found
	if d.Old != nil {
		if had, err = c.references(d.ID, d.Old); err != nil {
			return err
		}
	}
	Link(r, refs, had)
	if c.kind.Identity {
		if err := c.deps.Identities.Prepare(r); err != nil {
			return err
		}
	}
	r.Next.Properties, err = d.Properties.encode()
	return err
}

// document reads what a request wants to be.
func (c *compiled) document(r *providers.Request) (*Document, error) {
	d := &Document{Request: r, ID: r.ID, Resource: r.Next, Deps: c.deps}
	var err error
	if r.Old != nil {
		if d.Old, err = parse(r.Old.Properties); err != nil {
			return nil, err
		}
		d.Location, d.SKU, d.Zones, d.Revision = r.Old.Location, skuName(r.Old.SKU), r.Old.Zones, r.Old.Revision
	}
	if r.Next != nil {
		if d.Properties, err = parse(r.Next.Properties); err != nil {
			return nil, err
		}
		d.ID, d.Location, d.SKU, d.Zones = r.Next.ID, r.Next.Location, skuName(r.Next.SKU), r.Next.Zones
	}
	return d, nil
}

func skuName(raw json.RawMessage) string {
	var sku struct {
		Name string `json:"name"`
	}
	if json.Unmarshal(raw, &sku) != nil {
		return "" // a text or nothing: the type's Check sees to it
	}
	return sku.Name
}

// complete applies rules to properties; Check is left to the caller.
func (r Rules) complete(d *Document) error {
	for _, path := range r.Server {
		var kept any
		if d.Old != nil {
			kept = d.Old.Get(path)
		}
		d.Properties.Set(path, kept)
	}
	for _, b := range r.Backs {
		d.Properties.Set(b.Member, nil)
	}
	if r.Defaults != "" {
		defaults, err := parse(json.RawMessage(r.Defaults))
		if err != nil {
			return err
		}
		d.Properties.fill(defaults)
	}
	for _, path := range r.Required {
		if v := d.Properties.Get(path); v == nil || v == "" {
			return missingProperty(d.ID, path)
		}
	}
	if err := r.checkChoices(d); err != nil {
		return err
	}
	for path, limits := range r.Ranges {
		if d.Properties.Get(path) == nil {
			continue
		}
		if n, ok := d.Properties.Number(path); !ok || n < int64(limits[0]) || n > int64(limits[1]) {
			return outOfRange(d.ID, path, d.Properties.Get(path), limits)
		}
	}
	return r.checkFixed(d)
}

func (r Rules) checkChoices(d *Document) error {
	var failed error
	for path, allowed := range r.Choices {
		d.Properties.visit(path, func(in Object, key, at string) {
			text, isText := in[key].(string)
			i := slices.IndexFunc(allowed, func(a string) bool { return strings.EqualFold(a, text) })
			if !isText || i < 0 {
				failed = invalidChoice(d.ID, at, fmt.Sprint(in[key]), allowed)
				return
			}
			in[key] = allowed[i]
		})
	}
	return failed
}

func (r Rules) checkFixed(d *Document) error {
	if d.Old == nil {
		return nil
	}
	for _, path := range r.Fixed {
		was, is := d.Old.Get(path), d.Properties.Get(path)
		if is == nil {
			d.Properties.Set(path, was)
			continue
		}
		if was != nil && !equal(was, is) {
			return changedProperty(d.ID, path)
		}
	}
	return nil
}

// equal compares values; texts in any casing, since most are names or IDs.
func equal(a, b any) bool {
	x, ok1 := a.(string)
	y, ok2 := b.(string)
	if ok1 && ok2 {
		return strings.EqualFold(x, y)
	}
	return reflect.DeepEqual(a, b)
}

// completePart checks the elements of a part and takes from them what the server
// shows: IDs, tags and states are not theirs to say.
func (c *compiled) completePart(d *Document, p *Part) error {
	if p.Computed {
		d.Properties.Set(p.Member, nil)
		return nil
	}
	raw := d.Properties.Get(p.Member)
	if raw == nil {
		d.Properties.Set(p.Member, []any{})
		return nil
	}
	list, ok := raw.([]any)
	if !ok {
		return rest.InvalidRequestContent(fmt.Sprintf("properties.%s must be a list", p.Member))
	}
	seen := map[string]bool{}
	for i, v := range list {
		element, ok := object(v)
		if !ok {
			return rest.InvalidRequestContent(fmt.Sprintf("properties.%s[%d] must be an object", p.Member, i))
		}
		name := nameOf(element)
		id, err := armid.Parse(d.ID.Child(p.segment(), name).String())
		if err != nil || name == "" {
			return rest.InvalidResourceName(name, fmt.Sprintf("Every element of properties.%s needs a name.", p.Member))
		}
		if seen[id.Key()] {
			return duplicatePart(d.ID, p.Member, name)
		}
		seen[id.Key()] = true
		element.Set("name", name)
		if err := c.completeElement(d, p, id, element); err != nil {
			return err
		}
	}
	return nil
}

// nameOf is an element's name: clients may say it by its ID alone.
func nameOf(element Object) string {
	if name := element.Text("name"); name != "" {
		return name
	}
	id := element.Text("id")
	return id[strings.LastIndexByte(id, '/')+1:]
}

// completeElement applies the rules of a part to one element.
func (c *compiled) completeElement(d *Document, p *Part, id armid.ID, element Object) error {
	for _, shown := range []string{"id", "type", "etag"} {
		element.Set(shown, nil)
	}
	inside, ok := object(element.Get("properties"))
	if !ok {
		inside = Object{}
		element.Set("properties", inside)
	}
	inside.Set("provisioningState", nil)
	for _, shown := range c.ownBacks(p) {
		inside.Set(shown, nil)
	}
	one := &Document{Request: d.Request, ID: id, Location: d.Location, SKU: d.SKU, Properties: inside, Deps: d.Deps}
	if d.Old != nil {
		if was := findElement(d.Old, p, element.Text("name")); was != nil {
			one.Old, _ = object(was.Get("properties"))
		}
	}
	if err := p.complete(one); err != nil {
		return err
	}
	if p.Check != nil {
		return p.Check(one)
	}
	return nil
}

// ownBacks are the members in which a part shows what other parts refer to it.
func (c *compiled) ownBacks(p *Part) []string {
	var out []string
	for _, r := range c.rules() {
		for _, ref := range r.References {
			if ref.Back != "" && strings.EqualFold(ref.To, c.kind.Type.FullName()+"/"+p.segment()) {
				out = append(out, ref.Back)
			}
		}
	}
	return out
}

func findElement(properties Object, p *Part, name string) Object {
	for _, element := range properties.Objects(p.Member) {
		if strings.EqualFold(element.Text("name"), name) {
			return element
		}
	}
	return nil
}

func (c *compiled) partID(of armid.ID, p *Part, element Object) armid.ID {
	return of.Child(p.segment(), element.Text("name"))
}

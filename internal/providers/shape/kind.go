package shape

import (
	"context"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/providers/managedidentity"
	"github.com/lanyard-project/lanyard/internal/store"
)

// Kind is a resource type whose behaviour is its document.
type Kind struct {
	// Type has the facts of the contract. Its hooks for writes and reads are
	// Compile's to set; Actions, Filter and Verbs are taken as they are.
	Type providers.Type
	Rules
	Parts []Part

	// SKU is the JSON of the sku of a document without one.
	SKU string
	// Kind is the "kind" of a document without one.
	Kind string
	// Identity allows an identity block, with the rules of managedidentity.
	Identity bool
	// Nested are full types of children that must be deleted before.
	Nested []string
	// InUse is the error for the deletion of a resource or part that others refer
	// to; nil means that references hinder nothing.
	InUse func(target armid.ID, by []armid.ID) *rest.Error
	// Admit decides what needs state, after references were resolved: it may set
	// server members, and add to the request's transaction.
	Admit func(ctx context.Context, d *Document) error
	// Remove does so for a deletion.
	Remove func(ctx context.Context, d *Document) error
	// Show adds computed members to a document that is about to be shown.
	Show func(ctx context.Context, d *Document) error
}

// Part is a list of named elements in a document which are children as well:
// {parent}/{Name}/{element}.
type Part struct {
	// Member is the property that holds the list ("securityRules"). Name is the
	// child type's segment where it differs.
	Member, Name string
	// Writable parts can be put and deleted one by one.
	Writable bool
	// Unlisted parts have an ID but are no resources that one can read.
	Unlisted bool
	// Computed parts are made by Show and can't be written.
	Computed bool
	Rules
}

func (p *Part) segment() string {
	if p.Name != "" {
		return p.Name
	}
	return p.Member
}

// Rules say what properties look like. Paths are dotted; "[]" behind a member
// goes through the elements of a list.
type Rules struct {
	// Defaults is a JSON object: members that the document lacks get its values.
	Defaults string
	// Required are members that must be there.
	Required []string
	// Choices are the values that a text may have; it is stored in their casing.
	Choices map[string][]string
	// Ranges are the limits of numbers.
	Ranges map[string][2]int
	// Server are members that only the server sets: what a client sends is dropped.
	Server []string
	// Fixed are members that can't change once the resource exists.
	Fixed      []string
	References []Reference
	Backs      []Back
	// Check is for what the facts can't say. It sees the document with its defaults.
	Check func(d *Document) error
}

// Reference is a member that names another resource, as {"id": …} or as a text.
type Reference struct {
	Path string
	// To is the full type that it must have; empty means any.
	To string
	// Action that the writer needs on it; empty means none.
	Action string
	// Loose references need not exist and hold nothing. Weak ones must exist when
	// they are made, and hold nothing.
	Loose, Weak bool
	// Open ones may lack their ID where the object says something else: a disk that
	// is still to be made has a kind.
	Open bool
	// Back is the member in which another part of the same document shows who
	// refers to it.
	Back string
}

// Back is a member that shows which resources refer to this one.
type Back struct {
	Member string
	From   string // full type of those that refer
	Single bool   // an object instead of a list
}

// Deps are what compiled types work with.
type Deps struct {
	Store      *store.Store
	Resources  providers.Resources
	Identities managedidentity.Carrier
}

// Document is a resource or part with its properties as a tree, on its way
// through a hook.
type Document struct {
	// Request is nil while the document is shown.
	Request *providers.Request
	ID      armid.ID
	// Resource is the envelope: what will be stored, or the copy that is shown. It is
	// nil for parts.
	Resource *resource.Resource
	// Location is the resource's, and SKU the name in its sku.
	Location, SKU string
	Zones         []string
	Properties    Object
	// Old are the properties that are stored, nil for a new document.
	Old Object
	// Revision is the stored resource's, for ETags.
	Revision int64
	Deps     Deps
}

// Creating reports whether the write makes a new resource.
func (d *Document) Creating() bool { return d.Old == nil }

// compiled is a kind with what its hooks need.
type compiled struct {
	kind Kind
	deps Deps
}

// Compile makes the types of a kind: its own and those of its parts.
func Compile(d Deps, kinds ...Kind) []*providers.Type {
	var out []*providers.Type
	for _, k := range kinds {
		c := &compiled{kind: k, deps: d}
		t := k.Type
		t.Prepare, t.Admit, t.Remove = c.prepare, c.admit, c.remove
		if c.decorates() {
			t.Render = c.render
		}
		t.References = append(t.References, c.referredTypes()...)
		out = append(out, &t)
		for i := range k.Parts {
			if !k.Parts[i].Unlisted {
				out = append(out, c.partType(&k.Parts[i]))
			}
		}
	}
	return out
}

// decorates reports whether what is shown differs from what is stored.
func (c *compiled) decorates() bool {
	return len(c.kind.Parts) > 0 || len(c.kind.Backs) > 0 || c.kind.Show != nil
}

// referredTypes are the top-level types that documents of the kind refer to.
func (c *compiled) referredTypes() []string {
	var out []string
	for _, r := range c.rules() {
		for _, ref := range r.References {
			if top := topLevel(ref.To); top != "" && !ref.Loose && !ref.Weak && top != c.kind.Type.FullName() {
				out = append(out, top)
			}
		}
	}
	if c.kind.Identity {
		out = append(out, managedidentity.Type)
	}
	return out
}

func (c *compiled) rules() []Rules {
	out := []Rules{c.kind.Rules}
	for _, p := range c.kind.Parts {
		out = append(out, p.Rules)
	}
	return out
}

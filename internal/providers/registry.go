package providers

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
)

// Registry holds the types of all providers. It is filled once at start-up, then
// only read.
type Registry struct {
	types      map[string]*Type // by lower-case full name
	namespaces map[string]string
	withheld   map[string]string // why a namespace that clients know isn't served here
	ordered    []*Type
}

// NewRegistry returns an empty registry.
func NewRegistry() *Registry {
	return &Registry{types: map[string]*Type{}, namespaces: map[string]string{}, withheld: map[string]string{}}
}

// Register adds types. It fails on what would be a programming error.
func (g *Registry) Register(types ...*Type) error {
	for _, t := range types {
		key := strings.ToLower(t.FullName())
		switch {
		case t.Namespace == "" || t.Name == "":
			return fmt.Errorf("registering a type: namespace or name is missing in %q", t.FullName())
		case g.types[key] != nil:
			return fmt.Errorf("registering %s: it is registered already", t.FullName())
		case len(t.APIVersions) == 0:
			return fmt.Errorf("registering %s: it has no api-versions", t.FullName())
		case t.Levels == 0:
			return fmt.Errorf("registering %s: it has no level", t.FullName())
		}
		t.named.read, t.named.write, t.named.delete = t.permission("read"), t.permission("write"), t.permission("delete")
		t.named.full = t.FullName()
		g.types[key] = t
		g.namespaces[strings.ToLower(t.Namespace)] = t.Namespace
		g.ordered = append(g.ordered, t)
	}
	return nil
}

// Find returns a type by its full name in any casing, or nil.
func (g *Registry) Find(fullName string) *Type { return g.types[strings.ToLower(fullName)] }

// Namespace returns a namespace in its display casing, and whether anybody serves it.
func (g *Registry) Namespace(name string) (string, bool) {
	display, ok := g.namespaces[strings.ToLower(name)]
	return display, ok
}

// Withhold says why a namespace that clients may expect isn't served, for the error that they get.
func (g *Registry) Withhold(namespace, why string) { g.withheld[strings.ToLower(namespace)] = why }

// Unknown is the error for a namespace that nobody serves.
func (g *Registry) Unknown(namespace string) *rest.Error {
	refused := rest.InvalidResourceNamespace(namespace)
	if why := g.withheld[strings.ToLower(namespace)]; why != "" {
		refused.Message += " " + why
	}
	return refused
}

// Namespaces lists all namespaces in display casing, sorted.
func (g *Registry) Namespaces() []string {
	out := make([]string, 0, len(g.namespaces))
	for _, name := range g.namespaces {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// Types lists the types of a namespace in the order of registration; an empty
// namespace means all.
func (g *Registry) Types(namespace string) []*Type {
	var out []*Type
	for _, t := range g.ordered {
		if namespace == "" || strings.EqualFold(t.Namespace, namespace) {
			out = append(out, t)
		}
	}
	return out
}

// Canonical returns the ID with its namespaces and types in the casing in which
// they were registered; names keep theirs.
func (g *Registry) Canonical(id armid.ID) armid.ID {
	if id.IsRoot() || id.IsZero() {
		return id
	}
	parent := g.Canonical(id.Parent())
	id = id.Rebase(parent)
	t := g.Find(id.Type())
	switch {
	case id.Is(armid.ProviderType):
		if display, ok := g.Namespace(id.Name()); ok {
			return parent.Provider(display)
		}
		return id
	case t == nil, id.Type() == t.FullName(), id.Is(armid.SubscriptionType), id.Is(armid.ResourceGroupType), id.Is(armid.LocationType):
		return id
	}
	display := t.Name[strings.LastIndexByte(t.Name, '/')+1:]
	if strings.Contains(t.Name, "/") {
		return parent.Child(display, id.Name())
	}
	return parent.Extension(t.Namespace, display, id.Name())
}

package authorization

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
)

// operations is providerOperations: the actions that roles can name, as az
// provider operation lists them. They are those that this cloud checks, from its
// own table of types, and the data actions that the built-in roles spell out.
func (p *Provider) operations() *providers.Type {
	return &providers.Type{
		Namespace: namespace, Name: "providerOperations", APIVersions: []string{"2015-07-01-preview", "2015-07-01", "2018-01-01-preview", "2022-04-01"},
		Levels: providers.AtTenant, Verbs: providers.ReadOnly, Public: true,
		Get: func(_ context.Context, r *providers.Request) (*resource.Resource, error) {
			if p.cfg.Registry != nil {
				if display, ok := p.cfg.Registry.Namespace(r.ID.Name()); ok {
					return &resource.Resource{ID: operationsID(display)}, nil
				}
			}
			return nil, rest.NewError(http.StatusNotFound, "ProviderNotFound", "Provider '"+r.ID.Name()+"' not found.")
		},
		List: func(context.Context, *providers.Request) ([]*resource.Resource, error) {
			var out []*resource.Resource
			if p.cfg.Registry != nil {
				for _, name := range p.cfg.Registry.Namespaces() {
					out = append(out, &resource.Resource{ID: operationsID(name)})
				}
			}
			return out, nil
		},
		Document: p.operationsDocument,
	}
}

func operationsID(name string) armid.ID {
	return armid.Root().Extension(namespace, "providerOperations", name)
}

type operation struct {
	Name         string  `json:"name"`
	DisplayName  string  `json:"displayName"`
	Description  string  `json:"description"`
	Origin       *string `json:"origin"`
	Properties   *string `json:"properties"`
	IsDataAction bool    `json:"isDataAction"`
}

type operationType struct {
	Name        string      `json:"name"`
	DisplayName string      `json:"displayName"`
	Operations  []operation `json:"operations"`
}

func (p *Provider) operationsDocument(_ context.Context, r *resource.Resource, _ string) (json.RawMessage, error) {
	space := r.ID.Name()
	types := []operationType{}
	for _, t := range p.cfg.Registry.Types(space) {
		types = append(types, operationType{Name: t.Name, DisplayName: t.Name, Operations: operationsOf(t)})
	}
	data := p.dataActions(space)
	return json.Marshal(struct {
		ID            string          `json:"id"`
		Name          string          `json:"name"`
		Type          string          `json:"type"`
		DisplayName   string          `json:"displayName"`
		ResourceTypes []operationType `json:"resourceTypes"`
		Operations    []operation     `json:"operations"`
	}{r.ID.String(), space, namespace + "/providerOperations", space, types, data})
}

func named(name, what, typ string, data bool) operation {
	return operation{Name: name, DisplayName: what + " " + typ, Description: what + " " + typ + ".", IsDataAction: data}
}

func operationsOf(t *providers.Type) []operation {
	out := []operation{}
	for _, verb := range []struct {
		can        providers.Verbs
		name, what string
	}{{providers.CanGet, "read", "Read"}, {providers.CanList, "read", "Read"}, {providers.CanPut, "write", "Write"}, {providers.CanPatch, "write", "Write"}, {providers.CanDelete, "delete", "Delete"}} {
		if name := t.Permission(verb.name); t.Can(verb.can) && !slices.ContainsFunc(out, func(o operation) bool { return o.Name == name }) {
			out = append(out, named(name, verb.what, t.Name, false))
		}
	}
	for _, a := range t.Actions {
		name := a.Permission
		switch {
		case name == "" && a.Method == http.MethodGet:
			name = t.Permission(a.Name + "/read")
		case name == "":
			name = t.Permission(a.Name + "/action")
		case strings.Contains(name, "{"):
			continue
		}
		out = append(out, named(name, a.Name, t.Name, false))
	}
	return out
}

// dataActions are those of a namespace that built-in roles name without a star.
func (p *Provider) dataActions(space string) []operation {
	var names []string
	for _, def := range p.roles {
		for _, permission := range def.Permissions {
			for _, action := range permission.DataActions {
				if first, _, _ := strings.Cut(action, "/"); strings.EqualFold(first, space) && !strings.Contains(action, "*") {
					names = append(names, action)
				}
			}
		}
	}
	slices.Sort(names)
	out := []operation{}
	for _, name := range slices.Compact(names) {
		out = append(out, named(name, "Data action on", space, true))
	}
	return out
}

package authorization

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/rbac"
	"github.com/lanyard-project/lanyard/internal/store"
)

// denyAssignments can be read by clients; only the cloud itself makes them.
func (p *Provider) denyAssignments() *providers.Type {
	return &providers.Type{
		Namespace:   namespace,
		Name:        "denyAssignments",
		APIVersions: []string{"2018-07-01-preview", "2022-04-01"},
		Levels:      providers.AtAnyScope,
		Verbs:       providers.ReadOnly,
		HideState:   true,
		HideSystem:  true,
		List:        p.listDenies,
	}
}

type denyPrincipal struct {
	ID          string `json:"id"`
	Type        string `json:"type"`
	DisplayName string `json:"displayName,omitempty"`
}

type denyProperties struct {
	Name        string            `json:"denyAssignmentName"`
	Description string            `json:"description"`
	Permissions []rbac.Permission `json:"permissions"`
	Scope       string            `json:"scope"`
	OnlyHere    bool              `json:"doNotApplyToChildScopes"`
	Principals  []denyPrincipal   `json:"principals"`
	Excluded    []denyPrincipal   `json:"excludePrincipals"`
	Protected   bool              `json:"isSystemProtected"`
	Condition   *string           `json:"condition,omitempty"`
}

// Deny is a deny assignment that the cloud makes, as for a locked-down node
// resource group.
type Deny struct {
	By                providers.Caller
	Scope             armid.ID
	Name, Description string
	Permissions       []rbac.Permission
	// Except are the object IDs of service principals that it doesn't concern; it
	// concerns everybody else.
	Except   []string
	OnlyHere bool
}

func (d Deny) id() armid.ID {
	name := uuid.NewSHA1(uuid.NameSpaceURL, []byte(d.Scope.Key()+"|"+d.Name))
	return d.Scope.Extension(namespace, "denyAssignments", name.String())
}

// Forbid makes a deny assignment unless one of its name is there. It has effect
// when Forbid returns.
func (p *Provider) Forbid(ctx context.Context, d Deny) (*resource.Resource, error) {
	props := denyProperties{
		Name: d.Name, Description: d.Description, Permissions: d.Permissions, Scope: d.Scope.String(), OnlyHere: d.OnlyHere, Protected: true,
		Principals: []denyPrincipal{{ID: rbac.Everyone, Type: "SystemDefined", DisplayName: "All Principals"}}, Excluded: []denyPrincipal{},
	}
	for _, id := range d.Except {
		props.Excluded = append(props.Excluded, denyPrincipal{ID: strings.ToLower(id), Type: "ServicePrincipal"})
	}
	raw, err := json.Marshal(props)
	if err != nil {
		return nil, fmt.Errorf("writing a deny assignment: %w", err)
	}
	made, err := p.cfg.Resources.Create(ctx, d.By, &resource.Resource{ID: d.id(), Properties: raw}, nil)
	if err != nil {
		return nil, fmt.Errorf("making a deny assignment: %w", err)
	}
	return made, nil
}

// Permit removes a deny assignment of Forbid if it is there.
func (p *Provider) Permit(ctx context.Context, d Deny) error {
	if _, err := p.cfg.Resources.Delete(ctx, d.By, d.id()); err != nil && !rest.IsNotFound(err) && !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("removing a deny assignment: %w", err)
	}
	return nil
}

func (p *Provider) learnDeny(key string, r *resource.Resource) error {
	props, err := resource.Read[denyProperties](r)
	if err != nil {
		return err
	}
	ids := func(list []denyPrincipal) []string {
		var out []string
		for _, p := range list {
			out = append(out, p.ID)
		}
		return out
	}
	p.index.PutDeny(rbac.DenyAssignment{
		ID: r.ID, Name: props.Name, Scope: r.ID.Parent(), Permissions: props.Permissions, OnlyHere: props.OnlyHere,
		Principals: ids(props.Principals), ExcludePrincipals: ids(props.Excluded), Condition: text(props.Condition),
	})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.denies[key] = r
	return nil
}

// listDenies lists as listAssignments does.
func (p *Provider) listDenies(_ context.Context, r *providers.Request) ([]*resource.Resource, error) {
	f, err := parseFilter(r.Query.Get("$filter"), "atScope", "denyAssignmentName", "principalId", "assignedTo")
	if err != nil {
		return nil, err
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	var out []*resource.Resource
	for _, key := range slices.Sorted(maps.Keys(p.denies)) {
		d := p.denies[key]
		scope := d.ID.Parent()
		if !r.Scope.Under(scope) && (f.has("atScope") || !scope.Under(r.Scope)) {
			continue
		}
		props, err := resource.Read[denyProperties](d)
		if err != nil {
			return nil, err
		}
		if name, ok := f["denyAssignmentName"]; ok && !strings.EqualFold(name, props.Name) {
			continue
		}
		out = append(out, d)
	}
	return out, nil
}

package managedidentity

import (
	"context"
	"fmt"
	"maps"
	"regexp"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
)

func (p *Provider) userAssigned() *providers.Type {
	return &providers.Type{
		Namespace:          namespace,
		Name:               "userAssignedIdentities",
		APIVersions:        apiVersions(),
		Levels:             providers.AtGroup,
		Tracked:            true,
		GroupSegment:       "resourcegroups",
		AlwaysTags:         true,
		HideState:          true,
		HideSystem:         true,
		NamePattern:        regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{2,127}$`),
		NameRule:           "The name must be 3 to 128 characters long, start with a letter or number, and hold only letters, numbers, hyphens and underscores.",
		ListBySubscription: true,
		Prepare:            prepare,
		Admit:              p.admit,
		Remove:             p.remove,
		Actions:            []providers.Action{{Name: "listAssociatedResources", Run: p.associated}},
	}
}

// prepare refuses properties that aren't an object of the right kind. What a
// client says about the principal doesn't count.
func prepare(_ context.Context, r *providers.Request) error {
	if r.Method == providers.Patch {
		r.Next.Location = r.Old.Location // ignored, as the service does
	}
	props, err := resource.Read[struct {
		IsolationScope string `json:"isolationScope"`
	}](r.Next)
	if err != nil {
		return rest.InvalidRequestContent(err.Error())
	}
	switch props.IsolationScope {
	case "", "None", "Regional":
		return nil
	}
	return rest.InvalidParameter(fmt.Sprintf("The value '%s' of isolationScope is invalid. Allowed values are 'None' and 'Regional'.", props.IsolationScope), "isolationScope")
}

func (p *Provider) admit(ctx context.Context, r *providers.Request) error {
	if r.Old != nil {
		old, err := Read(r.Old)
		if err != nil {
			return err
		}
		return r.Next.Merge(old)
	}
	principal, conds, ops, err := MakePrincipal(ctx, p.cfg.Directory, r.Next.ID, true)
	if err != nil {
		return err
	}
	r.Conds, r.Ops = append(r.Conds, conds...), append(r.Ops, ops...)
	return r.Next.Merge(propertiesOf(principal))
}

func (p *Provider) remove(ctx context.Context, r *providers.Request) error {
	conds, ops, err := DropPrincipal(ctx, p.cfg.Directory, r.Old.ID)
	if err != nil {
		return err
	}
	r.Conds, r.Ops = append(r.Conds, conds...), append(r.Ops, ops...)
	return nil
}

// Ensure makes an identity of a provider's own accord, as a cluster does for its
// nodes, or returns the one that exists.
func (p *Provider) Ensure(ctx context.Context, by providers.Caller, id armid.ID, location string, tags map[string]string) (*resource.Resource, error) {
	principal, conds, ops, err := MakePrincipal(ctx, p.cfg.Directory, id, true)
	if err != nil {
		return nil, err
	}
	next := &resource.Resource{ID: id, Location: location, Tags: maps.Clone(tags)}
	if err := next.Merge(propertiesOf(principal)); err != nil {
		return nil, err
	}
	made, err := p.cfg.Resources.Create(ctx, by, next, ops, conds...)
	if err != nil {
		return nil, fmt.Errorf("making identity %s: %w", id, err)
	}
	return made, nil
}

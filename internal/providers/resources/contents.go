package resources

import (
	"context"
	"encoding/json"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/providers"
)

// contents is …/resources: all tracked resources of a group or subscription,
// without their properties.
func (p *Provider) contents() *providers.Type {
	return &providers.Type{
		Namespace: namespace, Name: "resources", ActionType: "Microsoft.Resources/subscriptions/resources",
		APIVersions: apiVersions(), Levels: providers.AtSubscription | providers.AtGroup, Verbs: providers.CanList,
		ListVisible: true, ListsAll: true, Filter: p.filterContents, Document: p.contentDocument,
	}
}

// filterContents chooses what the list shows among everything below the scope.
func (p *Provider) filterContents(r *providers.Request) (func(*resource.Resource) bool, error) {
	match, err := parseFilter(r.Query.Get("$filter"))
	if err != nil {
		return nil, err
	}
	return func(stored *resource.Resource) bool {
		t := p.registry.Find(stored.ID.Type())
		return t != nil && t.Tracked && !stored.ID.Is(armid.ResourceGroupType) && match(stored)
	}, nil
}

// contentDocument shows a resource without its properties.
func (p *Provider) contentDocument(ctx context.Context, stored *resource.Resource, _ string) (json.RawMessage, error) {
	shown, err := summary(stored, func(member string) bool { return providers.Expands(ctx, member) })
	if err != nil {
		return nil, err
	}
	o := resource.WireOptions{}
	if t := p.registry.Find(stored.ID.Type()); t != nil {
		o = t.Wire(stored.ID)
	}
	o.NoSystem, o.ETag = true, false
	return shown.Wire(o)
}

// summary is the copy of a resource that the list shows.
func summary(stored *resource.Resource, expand func(string) bool) (*resource.Resource, error) {
	shown := stored.Clone()
	shown.Properties, shown.Extra = nil, map[string]json.RawMessage{}
	for name, value := range map[string]any{
		"createdTime": stored.SystemData.CreatedAt, "changedTime": stored.SystemData.LastModifiedAt, "provisioningState": stored.ProvisioningState,
	} {
		if !expand(name) {
			continue
		}
		raw, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		shown.Extra[name] = raw
	}
	shown.ProvisioningState = ""
	return shown, nil
}

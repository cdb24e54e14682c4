package resources

import (
	"context"
	"encoding/json"
	"strings"

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
		ListVisible: true, List: p.listContents, Document: p.contentDocument,
	}
}

func (p *Provider) listContents(ctx context.Context, r *providers.Request) ([]*resource.Resource, error) {
	match, err := parseFilter(r.Query.Get("$filter"))
	if err != nil {
		return nil, err
	}
	all, err := p.resources.List(ctx, r.Scope, "")
	if err != nil {
		return nil, err
	}
	expand := map[string]bool{}
	for name := range strings.SplitSeq(strings.ToLower(r.Query.Get("$expand")), ",") {
		expand[strings.TrimSpace(name)] = true
	}
	var out []*resource.Resource
	for _, stored := range all {
		t := p.registry.Find(stored.ID.Type())
		if t == nil || !t.Tracked || stored.ID.Is(armid.ResourceGroupType) || !match(stored) {
			continue
		}
		shown, err := summary(stored, expand)
		if err != nil {
			return nil, err
		}
		out = append(out, shown)
	}
	return out, nil
}

// summary is the copy of a resource that the list shows.
func summary(stored *resource.Resource, expand map[string]bool) (*resource.Resource, error) {
	shown := stored.Clone()
	shown.Properties, shown.Extra = nil, map[string]json.RawMessage{}
	for name, value := range map[string]any{
		"createdTime": stored.SystemData.CreatedAt, "changedTime": stored.SystemData.LastModifiedAt, "provisioningState": stored.ProvisioningState,
	} {
		if !expand[strings.ToLower(name)] {
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

func (p *Provider) contentDocument(_ context.Context, r *resource.Resource, _ string) (json.RawMessage, error) {
	t := p.registry.Find(r.ID.Type())
	if t == nil {
		return r.Wire(resource.WireOptions{NoSystem: true})
	}
	o := t.Wire(r.ID)
	o.NoSystem, o.ETag = true, false
	return r.Wire(o)
}

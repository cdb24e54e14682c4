package features

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
)

// features is …/Microsoft.Features/providers/{namespace}/features/{name}: what az
// feature shows and registers.
func (p *Provider) features() *providers.Type {
	return &providers.Type{
		Namespace: namespace, Name: "providers/features", APIVersions: apiVersions(), Levels: providers.AtSubscription, Verbs: providers.ReadOnly,
		Get: p.getFlag, List: p.listFlags, Document: p.flagDocument,
		Actions: []providers.Action{
			{Name: "register", Run: p.setFlag(true)},
			{Name: "unregister", Run: p.setFlag(false)},
		},
	}
}

// all is …/Microsoft.Features/features, the flags of all namespaces.
func (p *Provider) all() *providers.Type {
	return &providers.Type{
		Namespace: namespace, Name: "features", APIVersions: apiVersions(), Levels: providers.AtSubscription, Verbs: providers.CanList,
		List: p.listFlags, Document: p.flagDocument,
	}
}

// namespaces is the level between a subscription and its flags; nobody asks for it.
func (p *Provider) namespaces() *providers.Type {
	return &providers.Type{
		Namespace: namespace, Name: "providers", APIVersions: apiVersions(), Levels: providers.AtSubscription, Verbs: providers.CanGet, Get: level,
	}
}

func level(_ context.Context, r *providers.Request) (*resource.Resource, error) {
	return nil, rest.ResourceNotFound(r.ID.Type()+"/"+r.ID.Name(), "")
}

// flagID names a flag as it is displayed.
func flagID(subscription armid.ID, f Feature) armid.ID {
	return subscription.Extension(namespace, "providers", f.Namespace).Child("features", f.Name)
}

// requested finds the flag that an ID of either type names.
func requested(id armid.ID) (Feature, error) {
	f, ok := find(id.Parent().Name(), id.Name())
	if !ok {
		return f, notFound(id.Name())
	}
	return f, nil
}

func (p *Provider) getFlag(ctx context.Context, r *providers.Request) (*resource.Resource, error) {
	f, err := requested(r.ID)
	if err != nil {
		return nil, err
	}
	return p.stored(ctx, flagID(r.ID.SubscriptionID(), f))
}

// stored is the flag's document, which exists once somebody changed the flag.
func (p *Provider) stored(ctx context.Context, id armid.ID) (*resource.Resource, error) {
	document, err := p.cfg.Resources.Get(ctx, id)
	if rest.IsNotFound(err) {
		return &resource.Resource{ID: id}, nil
	}
	return document, err
}

func (p *Provider) listFlags(_ context.Context, r *providers.Request) ([]*resource.Resource, error) {
	var out []*resource.Resource
	for _, f := range known() {
		if r.Scope.Is(armid.SubscriptionType) || strings.EqualFold(f.Namespace, r.Scope.Name()) {
			out = append(out, &resource.Resource{ID: flagID(r.Scope.SubscriptionID(), f)})
		}
	}
	return out, nil
}

func (p *Provider) setFlag(register bool) func(context.Context, *providers.Request) (rest.Response, error) {
	return func(ctx context.Context, r *providers.Request) (rest.Response, error) {
		f, err := requested(r.ID)
		if err != nil {
			return rest.Response{}, err
		}
		op, state, err := p.change(ctx, r.ID.SubscriptionID(), f, register, r.Now)
		if err != nil {
			return rest.Response{}, err
		}
		r.Ops = append(r.Ops, op)
		r.Next = r.Old.Clone()
		document, err := flag(r.ID, f, state)
		return rest.OK(document), err
	}
}

func (p *Provider) flagDocument(ctx context.Context, r *resource.Resource, _ string) (json.RawMessage, error) {
	f, err := requested(r.ID)
	if err != nil {
		return nil, err
	}
	state, err := p.state(ctx, r.ID.SubscriptionID(), f)
	if err != nil {
		return nil, err
	}
	return flag(r.ID, f, state)
}

// flag is the wire form.
func flag(id armid.ID, f Feature, state string) (json.RawMessage, error) {
	return json.Marshal(map[string]any{
		"id": id.String(), "name": f.fullName(), "type": namespace + "/providers/features", "properties": map[string]string{"state": state},
	})
}

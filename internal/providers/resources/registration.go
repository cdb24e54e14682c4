package resources

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/providers/registration"
)

func (p *Provider) registrations() *providers.Type {
	return &providers.Type{
		Namespace: namespace, Name: "providers", ActionType: "Microsoft.Resources/subscriptions/providers",
		APIVersions: apiVersions(), Levels: providers.AtTenant | providers.AtSubscription, Verbs: providers.ReadOnly,
		Get: p.getRegistration, List: p.listRegistrations, Document: p.registrationDocument,
		Actions: []providers.Action{
			{Name: "register", Permission: "{name}/register/action", Run: p.setRegistration(registration.Record.Register)},
			{Name: "unregister", Permission: "{name}/unregister/action", Run: p.setRegistration(registration.Record.Unregister)},
		},
	}
}

// getRegistration reads a namespace's registration, which needs no document.
func (p *Provider) getRegistration(ctx context.Context, r *providers.Request) (*resource.Resource, error) {
	display, ok := p.registry.Namespace(r.ID.Name())
	if !ok {
		return nil, p.registry.Unknown(r.ID.Name())
	}
	id := r.ID.Parent().Provider(display)
	if id.SubscriptionID().IsZero() {
		return &resource.Resource{ID: id}, nil
	}
	stored, err := p.resources.Get(ctx, id)
	if rest.IsNotFound(err) {
		return &resource.Resource{ID: id}, nil
	}
	return stored, err
}

func (p *Provider) listRegistrations(ctx context.Context, r *providers.Request) ([]*resource.Resource, error) {
	var out []*resource.Resource
	for _, name := range p.registry.Namespaces() {
		one := *r
		one.ID = r.Scope.Provider(name)
		registration, err := p.getRegistration(ctx, &one)
		if err != nil {
			return nil, err
		}
		out = append(out, registration)
	}
	return out, nil
}

// change is what is asked of a registration.
type change func(r registration.Record, now time.Time, takes time.Duration, initial string) registration.Record

func (p *Provider) setRegistration(ask change) func(context.Context, *providers.Request) (rest.Response, error) {
	return func(ctx context.Context, r *providers.Request) (rest.Response, error) {
		record, err := resource.ReadInternal[registration.Record](r.Old)
		if err != nil {
			return rest.Response{}, err
		}
		next := r.Old.Clone()
		if err := next.SetInternal(ask(record, r.Now, p.registrationTakes, registration.Registered)); err != nil {
			return rest.Response{}, err
		}
		r.Next = next
		document, err := p.registrationDocument(ctx, next, r.APIVersion)
		return rest.OK(document), err
	}
}

type registeredType struct {
	ResourceType string   `json:"resourceType"`
	Locations    []string `json:"locations"`
	APIVersions  []string `json:"apiVersions"`
	Capabilities string   `json:"capabilities"`
}

func (p *Provider) registrationDocument(_ context.Context, r *resource.Resource, _ string) (json.RawMessage, error) {
	kept, err := resource.ReadInternal[registration.Record](r)
	if err != nil {
		return nil, err
	}
	state, policy := kept.At(p.clock.Now(), p.registrationTakes, registration.Registered), "RegistrationRequired"
	if strings.EqualFold(r.ID.Name(), namespace) || strings.EqualFold(r.ID.Name(), "Microsoft.Authorization") {
		policy = "RegistrationFree"
	}
	types := []registeredType{}
	for _, t := range p.registry.Types(r.ID.Name()) {
		types = append(types, describe(t))
	}
	document := struct {
		ID                 string           `json:"id"`
		Namespace          string           `json:"namespace"`
		RegistrationPolicy string           `json:"registrationPolicy,omitempty"`
		ResourceTypes      []registeredType `json:"resourceTypes"`
		RegistrationState  string           `json:"registrationState,omitempty"`
	}{r.ID.String(), r.ID.Name(), policy, types, state}
	if r.ID.Parent().Is(armid.TenantType) {
		document.RegistrationPolicy, document.RegistrationState = "", ""
	}
	return json.Marshal(document)
}

func describe(t *providers.Type) registeredType {
	d := registeredType{ResourceType: t.Name, Locations: []string{}, APIVersions: slices.Clone(t.APIVersions), Capabilities: "None"}
	slices.Sort(d.APIVersions)
	slices.Reverse(d.APIVersions)
	if t.Tracked {
		d.Capabilities = "SupportsTags, SupportsLocation"
		for _, region := range providers.Regions() {
			d.Locations = append(d.Locations, region.DisplayName)
		}
	}
	return d
}

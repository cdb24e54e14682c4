package features

import (
	"context"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/providers"
)

const featureProviders = "featureProviders"

// registrations is …/featureProviders/{namespace}/subscriptionFeatureRegistrations/{name}:
// the same flags as resources, which newer clients put and delete.
func (p *Provider) registrations() *providers.Type {
	return &providers.Type{
		Namespace: namespace, Name: featureProviders + "/subscriptionFeatureRegistrations", APIVersions: []string{"2021-07-01"},
		Levels: providers.AtSubscription, Verbs: providers.CanGet | providers.CanList | providers.CanPut | providers.CanDelete,
		HideState: true,
		Get: func(ctx context.Context, r *providers.Request) (*resource.Resource, error) {
			f, err := requested(r.ID)
			if err != nil {
				return nil, err
			}
			return p.stored(ctx, registrationID(r.ID.SubscriptionID(), f))
		},
		Admit: func(ctx context.Context, r *providers.Request) error { return p.changeRegistration(ctx, r, true) },
		Remove: func(ctx context.Context, r *providers.Request) error {
			return p.changeRegistration(ctx, r, false)
		},
		List: p.listRegistrations, Render: p.renderRegistration,
	}
}

// registrationsOf is the level above, allRegistrations the list over all namespaces.
func (p *Provider) registrationsOf() *providers.Type {
	return &providers.Type{
		Namespace: namespace, Name: featureProviders, APIVersions: []string{"2021-07-01"}, Levels: providers.AtSubscription,
		Verbs: providers.CanGet, Get: level,
	}
}

func (p *Provider) allRegistrations() *providers.Type {
	return &providers.Type{
		Namespace: namespace, Name: "subscriptionFeatureRegistrations", APIVersions: []string{"2021-07-01"},
		Levels: providers.AtSubscription, Verbs: providers.CanList, HideState: true,
		List: p.listRegistrations, Render: p.renderRegistration,
	}
}

func registrationID(subscription armid.ID, f Feature) armid.ID {
	return subscription.Extension(namespace, featureProviders, f.Namespace).Child("subscriptionFeatureRegistrations", f.Name)
}

func (p *Provider) changeRegistration(ctx context.Context, r *providers.Request, register bool) error {
	f, err := requested(r.ID)
	if err != nil {
		return err
	}
	op, _, err := p.change(ctx, r.ID.SubscriptionID(), f, register, r.Now)
	if err != nil {
		return err
	}
	r.Ops = append(r.Ops, op)
	return nil
}

// listRegistrations lists what was ever asked for, as the service does.
func (p *Provider) listRegistrations(ctx context.Context, r *providers.Request) ([]*resource.Resource, error) {
	flags, err := p.listFlags(ctx, r)
	if err != nil {
		return nil, err
	}
	var out []*resource.Resource
	for _, flag := range flags {
		f, err := requested(flag.ID)
		if err != nil {
			return nil, err
		}
		record, err := p.record(ctx, r.Scope.SubscriptionID(), f)
		if err != nil {
			return nil, err
		}
		if record.State != "" {
			out = append(out, &resource.Resource{ID: registrationID(r.Scope.SubscriptionID(), f)})
		}
	}
	return out, nil
}

func (p *Provider) renderRegistration(ctx context.Context, r *resource.Resource, _ string) error {
	f, err := requested(r.ID)
	if err != nil {
		return err
	}
	state, err := p.state(ctx, r.ID.SubscriptionID(), f)
	if err != nil {
		return err
	}
	return r.Merge(map[string]any{
		"state": state, "featureName": f.Name, "providerNamespace": f.Namespace, "subscriptionId": r.ID.Subscription(), "approvalType": "AutoApproval",
	})
}

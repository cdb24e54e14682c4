package resources

import (
	"context"
	"fmt"
	"time"

	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/providers/registration"
)

const namespace = "Microsoft.Resources"

// Provider serves the types of Microsoft.Resources.
type Provider struct {
	resources providers.Resources
	registry  *providers.Registry
	clock     clock.Clock
	// registrationTakes is how long a namespace takes to be registered.
	registrationTakes time.Duration
	// nameTenant is how a tenant is called, and its domain.
	nameTenant func(id string) (name, domain string)
}

// New returns the provider. The registry may be filled afterwards.
func New(resources providers.Resources, registry *providers.Registry, clk clock.Clock) *Provider {
	return &Provider{resources: resources, registry: registry, clock: clk, registrationTakes: registration.Takes, nameTenant: func(id string) (string, string) { return id, id }}
}

// NameTenants sets how tenants are called, and their domains; without it by their IDs.
func (p *Provider) NameTenants(by func(id string) (name, domain string)) *Provider {
	p.nameTenant = by
	return p
}

// RegistrationTakes sets how long a namespace takes to be registered.
func (p *Provider) RegistrationTakes(d time.Duration) *Provider {
	p.registrationTakes = d
	return p
}

// Types returns the provider's types.
func (p *Provider) Types() []*providers.Type {
	return []*providers.Type{p.tenants(), p.subscriptions(), p.locations(), p.groups(), p.registrations(), p.contents(), p.tagsOf(), p.tagNames(), p.tagValues()}
}

// apiVersions are what az, Terraform and the SDKs send for the types of
// Microsoft.Resources, which share one list.
func apiVersions() []string {
	return []string{
		"2014-04-01", "2015-01-01", "2015-11-01", "2016-02-01", "2016-06-01", "2016-07-01", "2016-09-01", "2017-05-10",
		"2018-01-01", "2018-02-01", "2018-05-01", "2018-06-01", "2019-03-01", "2019-05-01", "2019-05-10", "2019-06-01", "2019-07-01",
		"2019-08-01", "2019-10-01", "2019-11-01", "2020-01-01", "2020-06-01", "2020-08-01", "2020-10-01", "2021-01-01",
		"2021-04-01", "2022-09-01", "2022-12-01", "2023-07-01", "2024-03-01", "2024-07-01", "2024-08-01", "2024-11-01",
		"2025-03-01", "2025-04-01",
	}
}

// Subscription is what EnsureSubscription writes.
type Subscription struct {
	ID          string `json:"-"`
	TenantID    string `json:"tenantId"`
	DisplayName string `json:"displayName"`
}

// EnsureSubscription makes the subscription unless it exists.
func EnsureSubscription(ctx context.Context, resources providers.Resources, by providers.Caller, s Subscription) error {
	r := &resource.Resource{ID: armid.Subscription(s.ID)}
	if err := r.SetInternal(s); err != nil {
		return err
	}
	if _, err := resources.Create(ctx, by, r, nil); err != nil {
		return fmt.Errorf("creating subscription %s: %w", s.ID, err)
	}
	return nil
}

package directory

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/lanyard-project/lanyard/internal/secret"
	"github.com/lanyard-project/lanyard/internal/store"
)

// Tenant is an instance of the directory, with the subscriptions that trust it.
type Tenant struct {
	ID            string         `json:"id"`
	DisplayName   string         `json:"displayName"`
	Domain        string         `json:"domain"` // also names the tenant in URLs
	Created       time.Time      `json:"created"`
	Subscriptions []Subscription `json:"subscriptions"`
}

// Subscription is what resources belong to.
type Subscription struct {
	ID          string `json:"id"`
	DisplayName string `json:"displayName"`
}

// Names for the first start.
const (
	firstTenant       = "Lanyard"
	firstDomain       = "lanyard.local"
	firstSubscription = "Lanyard"
	adminName         = "lanyard-admin"
)

// Administrator is the first service principal, to be made Owner of the
// subscription. Its secret is shown once and can't be read again.
type Administrator struct {
	ServicePrincipal
	Secret secret.String
}

// FirstTenantOptions let a user choose IDs at the first start; empty ones are made.
type FirstTenantOptions struct {
	TenantID       string
	SubscriptionID string
}

// EnsureFirstTenant makes, at the first start, a tenant with a subscription and the
// administrator, in one transaction. Later it returns the tenant and no administrator.
func (d *Directory) EnsureFirstTenant(ctx context.Context, o FirstTenantOptions) (Tenant, *Administrator, error) {
	if tenant, ok := d.DefaultTenant(); ok {
		return tenant, nil, nil
	}
	for _, id := range []*string{&o.TenantID, &o.SubscriptionID} {
		if *id == "" {
			*id = uuid.NewString()
		}
		if _, err := uuid.Parse(*id); err != nil {
			return Tenant{}, nil, fmt.Errorf("making the first tenant: %q is no GUID", *id)
		}
	}
	return d.found(ctx, Tenant{
		ID: strings.ToLower(o.TenantID), DisplayName: firstTenant, Domain: firstDomain, Created: d.now(),
		Subscriptions: []Subscription{{ID: strings.ToLower(o.SubscriptionID), DisplayName: firstSubscription}},
	}, prefix+"first-tenant", d.DefaultTenant)
}

// found makes a tenant and its administrator. The marker is one key for all
// replicas, so that two that start together don't make two tenants; existing
// finds the tenant that another one made.
func (d *Directory) found(ctx context.Context, tenant Tenant, marker string, existing func() (Tenant, bool)) (Tenant, *Administrator, error) {
	failed := func(err error) (Tenant, *Administrator, error) {
		return Tenant{}, nil, fmt.Errorf("making tenant %s: %w", tenant.Domain, err)
	}
	value, err := json.Marshal(tenant)
	if err != nil {
		return failed(err)
	}
	made, stored := d.newSecret(NewSecret{DisplayName: "first start"})
	_, admin, ops, err := d.planClient(tenant.ID, adminName, []string{RoleDirectoryWrite}, stored)
	if err != nil {
		return failed(err)
	}
	ops = append(ops, store.Put(tenantKey(tenant.ID), value), store.Put(marker, []byte(tenant.ID)))
	_, err = d.options.Store.Txn(ctx, []store.Cond{store.Absent(marker), store.Absent(tenantKey(tenant.ID))}, ops)
	if errors.Is(err, store.ErrConflict) {
		if err := d.mirror.Load(ctx); err != nil {
			return failed(err)
		}
		other, ok := existing()
		if !ok {
			return failed(errors.New("it was made and is gone, or its ID is another tenant's"))
		}
		return other, nil, nil
	}
	if err != nil {
		return failed(err)
	}
	return tenant, &Administrator{ServicePrincipal: admin.ServicePrincipal, Secret: made.Value}, nil
}

// Tenants are all of them, the oldest first.
func (d *Directory) Tenants() []Tenant {
	d.index.mu.RLock()
	defer d.index.mu.RUnlock()
	out := make([]Tenant, 0, len(d.index.tenants))
	for _, t := range d.index.tenants {
		out = append(out, t)
	}
	slices.SortFunc(out, func(a, b Tenant) int {
		return cmp.Or(a.Created.Compare(b.Created), strings.Compare(a.ID, b.ID))
	})
	return out
}

// DefaultTenant is the first one: what an authority without a tenant means.
func (d *Directory) DefaultTenant() (Tenant, bool) {
	if all := d.Tenants(); len(all) > 0 {
		return all[0], true
	}
	return Tenant{}, false
}

// Tenant finds one by its ID or domain.
func (d *Directory) Tenant(name string) (Tenant, bool) {
	d.index.mu.RLock()
	defer d.index.mu.RUnlock()
	if tenant, ok := d.index.tenants[tenantKey(name)]; ok {
		return tenant, true
	}
	for _, tenant := range d.index.tenants {
		if strings.EqualFold(tenant.Domain, name) {
			return tenant, true
		}
	}
	return Tenant{}, false
}

// TenantOf finds the tenant that a subscription trusts.
func (d *Directory) TenantOf(subscriptionID string) (Tenant, bool) {
	for _, tenant := range d.Tenants() {
		for _, s := range tenant.Subscriptions {
			if sameID(s.ID, subscriptionID) {
				return tenant, true
			}
		}
	}
	return Tenant{}, false
}

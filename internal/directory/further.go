package directory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/lanyard-project/lanyard/internal/store"
)

// EnsureTenant makes a tenant beside the first one, with an administrator of its
// own and no subscription yet, unless there is one of that domain. An empty ID is
// made. The administrator is nil when the tenant was there.
func (d *Directory) EnsureTenant(ctx context.Context, domain, id string) (Tenant, *Administrator, error) {
	domain, id = strings.ToLower(domain), strings.ToLower(id)
	existing := func() (Tenant, bool) { return d.Tenant(domain) }
	if tenant, ok := existing(); ok {
		if id != "" && tenant.ID != id {
			return Tenant{}, nil, fmt.Errorf("tenant %s has the ID %s: it can't become %s", domain, tenant.ID, id)
		}
		return tenant, nil, nil
	}
	if id == "" {
		id = uuid.NewString()
	}
	if tenant, ok := d.Tenant(id); ok {
		return Tenant{}, nil, fmt.Errorf("the ID %s is that of tenant %s: it can't be %s too", id, tenant.Domain, domain)
	}
	name, _, _ := strings.Cut(domain, ".")
	return d.found(ctx, Tenant{ID: id, DisplayName: name, Domain: domain, Created: d.now()}, prefix+"tenant-domains/"+domain, existing)
}

// EnsureSubscription makes a subscription that trusts the tenant, unless it has one
// of that name. An empty ID is made.
func (d *Directory) EnsureSubscription(ctx context.Context, tenantID, name, id string) (Subscription, error) {
	id = strings.ToLower(id)
	for {
		var tenant Tenant
		revision, err := d.readJSON(ctx, tenantKey(tenantID), &tenant)
		if err != nil {
			return Subscription{}, fmt.Errorf("making subscription %s: reading tenant %s: %w", name, tenantID, err)
		}
		for _, s := range tenant.Subscriptions {
			switch {
			case strings.EqualFold(s.DisplayName, name) && (id == "" || s.ID == id):
				return s, nil
			case strings.EqualFold(s.DisplayName, name):
				return s, fmt.Errorf("subscription %s has the ID %s: it can't become %s", name, s.ID, id)
			case s.ID == id:
				return s, fmt.Errorf("the ID %s is that of subscription %s: it can't be %s too", id, s.DisplayName, name)
			}
		}
		made := Subscription{ID: id, DisplayName: name}
		if made.ID == "" {
			made.ID = uuid.NewString()
		}
		if other, ok := d.TenantOf(made.ID); ok {
			return made, fmt.Errorf("subscription %s belongs to tenant %s: it can't move to %s", made.ID, other.Domain, tenant.Domain)
		}
		tenant.Subscriptions = append(tenant.Subscriptions, made)
		value, err := json.Marshal(tenant)
		if err != nil {
			return made, fmt.Errorf("making subscription %s: %w", name, err)
		}
		// No other tenant may take the ID meanwhile.
		owner := prefix + "subscriptions/" + made.ID
		_, err = d.options.Store.Txn(ctx, []store.Cond{store.Unchanged(tenantKey(tenantID), revision), store.Absent(owner)},
			[]store.Op{store.Put(tenantKey(tenantID), value), store.Put(owner, []byte(tenant.ID))})
		if errors.Is(err, store.ErrConflict) {
			if err := d.mirror.Load(ctx); err != nil {
				return made, fmt.Errorf("making subscription %s: %w", name, err)
			}
			continue
		}
		if err != nil {
			return made, fmt.Errorf("making subscription %s: %w", name, err)
		}
		return made, nil
	}
}

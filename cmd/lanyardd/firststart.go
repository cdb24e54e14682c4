package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/renameio/v2"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/directory"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/providers/authorization"
	"github.com/lanyard-project/lanyard/internal/providers/resources"
	"github.com/lanyard-project/lanyard/internal/store"
)

const (
	// roleOwner is the built-in role Owner.
	roleOwner = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
	// firstStartKey stands in the store from before the administrator is made until
	// its credential was shown and its rights are granted: a first start that was
	// interrupted anywhere is finished by the next one.
	firstStartKey = "/lanyard/first-start"
	// grantedKey is below which the subscriptions stand whose Owner was made.
	grantedKey = "/lanyard/first-owner/"
)

// system is who acts when nobody asked: the cloud itself.
func system(tenantID string) providers.Caller {
	return providers.Caller{TenantID: tenantID, Name: "lanyardd", Type: "Application"}
}

// founder makes tenants, their subscriptions and administrators.
type founder struct {
	config config
	out    io.Writer
	store  *store.Store
	people *directory.Directory
	all    providers.Resources
	roles  *authorization.Provider
}

// found makes what there is before anybody can sign in, unless it exists: the
// first tenant, its subscription and its administrator, then the tenants and
// subscriptions that the settings name. It returns the first tenant.
func (f founder) found(ctx context.Context) (directory.Tenant, error) {
	_, there := f.people.DefaultTenant()
	first, err := f.ensure(ctx, firstStartKey, there, func() (directory.Tenant, *directory.Administrator, error) {
		return f.people.EnsureFirstTenant(ctx, directory.FirstTenantOptions{})
	}, nil)
	if err != nil {
		return first, err
	}
	for _, wanted := range f.config.tenancy.tenants {
		_, there := f.people.Tenant(wanted.domain)
		if _, err := f.ensure(ctx, firstStartKey+"/"+wanted.domain, there, func() (directory.Tenant, *directory.Administrator, error) {
			return f.people.EnsureTenant(ctx, wanted.domain, wanted.id)
		}, f.wanted(wanted)); err != nil {
			return first, err
		}
	}
	for _, wanted := range f.config.tenancy.subscriptions {
		tenant, ok := first, true
		if wanted.tenant != "" {
			tenant, ok = f.people.Tenant(wanted.tenant)
		}
		if !ok {
			return first, fmt.Errorf("subscription %s: there is no tenant %s: name it with --tenant as well", wanted.name, wanted.tenant)
		}
		if err := f.subscribe(ctx, tenant, wanted); err != nil {
			return first, err
		}
	}
	return first, nil
}

// wanted are the subscriptions that the settings name for a tenant.
func (f founder) wanted(tenant wantedTenant) []wantedSubscription {
	return slices.DeleteFunc(slices.Clone(f.config.tenancy.subscriptions), func(s wantedSubscription) bool {
		return s.tenant == "" || !strings.EqualFold(s.tenant, tenant.domain) && !strings.EqualFold(s.tenant, tenant.id)
	})
}

// ensure makes one tenant and shows its administrator. begun stands in the store
// from before the administrator is made until it was shown.
func (f founder) ensure(ctx context.Context, begun string, there bool, make func() (directory.Tenant, *directory.Administrator, error), wanted []wantedSubscription) (directory.Tenant, error) {
	if !there {
		if _, err := f.store.Txn(ctx, nil, []store.Op{store.Put(begun, nil)}); err != nil {
			return directory.Tenant{}, err
		}
	}
	tenant, administrator, err := make()
	if err != nil {
		return tenant, err
	}
	for _, s := range wanted {
		if _, err := f.people.EnsureSubscription(ctx, tenant.ID, s.name, s.id); err != nil {
			return tenant, err
		}
	}
	tenant, _ = f.people.Tenant(tenant.ID)
	for _, s := range tenant.Subscriptions {
		if err := f.open(ctx, tenant, s); err != nil {
			return tenant, err
		}
	}
	if _, err := f.store.Get(ctx, begun); errors.Is(err, store.ErrNotFound) {
		return tenant, nil
	} else if err != nil {
		return tenant, err
	}
	if administrator == nil {
		if administrator, err = recoverAdministrator(ctx, f.people, tenant); err != nil {
			return tenant, err
		}
	}
	for _, s := range tenant.Subscriptions {
		if err := f.own(ctx, tenant, s, administrator.ObjectID); err != nil {
			return tenant, err
		}
	}
	file := f.config.adminCredentialFile
	if begun != firstStartKey && file != "" {
		file = furtherCredential(file, tenant)
	}
	if err := showAdministrator(file, f.out, tenant, *administrator); err != nil {
		return tenant, err
	}
	_, err = f.store.Txn(ctx, nil, []store.Op{store.Delete(begun)})
	return tenant, err
}

// subscribe makes a further subscription of a tenant, whose administrator becomes
// its Owner.
func (f founder) subscribe(ctx context.Context, tenant directory.Tenant, wanted wantedSubscription) error {
	made, err := f.people.EnsureSubscription(ctx, tenant.ID, wanted.name, wanted.id)
	if err != nil {
		return err
	}
	if err := f.open(ctx, tenant, made); err != nil {
		return err
	}
	// An Owner who was taken away stays away.
	granted := grantedKey + made.ID
	if _, err := f.store.Get(ctx, granted); !errors.Is(err, store.ErrNotFound) {
		return err
	}
	administrator, err := administratorOf(f.people, tenant)
	if err != nil {
		return err
	}
	if err := f.own(ctx, tenant, made, administrator.ObjectID); err != nil {
		return err
	}
	_, err = f.store.Txn(ctx, nil, []store.Op{store.Put(granted, nil)})
	return err
}

// open makes the subscription's document.
func (f founder) open(ctx context.Context, tenant directory.Tenant, s directory.Subscription) error {
	return resources.EnsureSubscription(ctx, f.all, system(tenant.ID), resources.Subscription{ID: s.ID, TenantID: tenant.ID, DisplayName: s.DisplayName})
}

func (f founder) own(ctx context.Context, tenant directory.Tenant, s directory.Subscription, principal string) error {
	if _, err := f.roles.Grant(ctx, authorization.Grant{
		By: system(tenant.ID), Scope: armid.Subscription(s.ID), Role: roleOwner, PrincipalID: principal,
	}); err != nil {
		return fmt.Errorf("making the administrator of %s Owner of subscription %s: %w", tenant.Domain, s.DisplayName, err)
	}
	return nil
}

// furtherCredential is the file of another tenant's administrator, beside the first
// one's: administrator.contoso.local.json.
func furtherCredential(file string, tenant directory.Tenant) string {
	extension := filepath.Ext(file)
	return strings.TrimSuffix(file, extension) + "." + tenant.Domain + extension
}

// administratorOf is the oldest application of a tenant: the one that it was made
// with.
func administratorOf(d *directory.Directory, tenant directory.Tenant) (directory.ServicePrincipal, error) {
	var oldest directory.ServicePrincipal
	for _, principal := range d.ServicePrincipals(tenant.ID) {
		if principal.Type == directory.TypeApplication && (oldest.ObjectID == "" || principal.Created.Before(oldest.Created)) {
			oldest = principal
		}
	}
	if oldest.ObjectID == "" {
		return oldest, fmt.Errorf("the administrator of tenant %s isn't there", tenant.Domain)
	}
	return oldest, nil
}

// recoverAdministrator gives the administrator of an interrupted first start
// another secret: the first one may never have been seen by anybody.
func recoverAdministrator(ctx context.Context, d *directory.Directory, tenant directory.Tenant) (*directory.Administrator, error) {
	principal, err := administratorOf(d, tenant)
	if err != nil {
		return nil, fmt.Errorf("the first start was interrupted: %w: start again with an empty --data-dir", err)
	}
	made, err := d.AddSecret(ctx, principal.ObjectID, "first start, resumed", 0)
	if err != nil {
		return nil, fmt.Errorf("giving the first administrator a secret: %w", err)
	}
	return &directory.Administrator{ServicePrincipal: principal, Secret: made.Value}, nil
}

// showAdministrator writes an administrator's credential to the file that was
// asked for, or prints it.
func showAdministrator(file string, out io.Writer, tenant directory.Tenant, a directory.Administrator) error {
	credential := map[string]string{"tenantId": tenant.ID, "clientId": a.AppID, "clientSecret": a.Secret.Reveal()}
	if len(tenant.Subscriptions) > 0 {
		credential["subscriptionId"] = tenant.Subscriptions[0].ID
	}
	// The one deliberate place that encodes this secret.
	encoded, err := json.MarshalIndent(credential, "", "  ")
	if err != nil {
		return err
	}
	if file == "" {
		_, err := fmt.Fprintf(out, "The administrator of tenant %s (Owner of its subscriptions); this is shown once:\n%s\n", tenant.Domain, encoded)
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	return renameio.WriteFile(file, encoded, 0o600)
}

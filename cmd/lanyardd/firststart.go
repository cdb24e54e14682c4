package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

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
)

// system is who acts when nobody asked: the cloud itself.
func system(tenantID string) providers.Caller {
	return providers.Caller{TenantID: tenantID, Name: "lanyardd", Type: "Application"}
}

// firstStart makes the tenant, its subscription and the first administrator
// unless they exist. The administrator's secret is shown here and never again.
func firstStart(ctx context.Context, c config, out io.Writer, s *store.Store, d *directory.Directory, all providers.Resources, roles *authorization.Provider) (directory.Tenant, error) {
	if _, ok := d.DefaultTenant(); !ok {
		if _, err := s.Txn(ctx, nil, []store.Op{store.Put(firstStartKey, nil)}); err != nil {
			return directory.Tenant{}, err
		}
	}
	tenant, administrator, err := d.EnsureFirstTenant(ctx, directory.FirstTenantOptions{})
	if err != nil {
		return tenant, err
	}
	for _, subscription := range tenant.Subscriptions {
		if err := resources.EnsureSubscription(ctx, all, system(tenant.ID), resources.Subscription{
			ID: subscription.ID, TenantID: tenant.ID, DisplayName: subscription.DisplayName,
		}); err != nil {
			return tenant, fmt.Errorf("making subscription %s: %w", subscription.ID, err)
		}
	}
	if _, err := s.Get(ctx, firstStartKey); errors.Is(err, store.ErrNotFound) {
		return tenant, nil
	} else if err != nil {
		return tenant, err
	}
	if administrator == nil {
		if administrator, err = recoverAdministrator(ctx, d, tenant); err != nil {
			return tenant, err
		}
	}
	for _, subscription := range tenant.Subscriptions {
		if _, err := roles.Grant(ctx, authorization.Grant{
			By: system(tenant.ID), Scope: armid.Subscription(subscription.ID), Role: roleOwner, PrincipalID: administrator.ObjectID,
		}); err != nil {
			return tenant, fmt.Errorf("making the first administrator Owner: %w", err)
		}
	}
	if err := showAdministrator(c, out, tenant, *administrator); err != nil {
		return tenant, err
	}
	_, err = s.Txn(ctx, nil, []store.Op{store.Delete(firstStartKey)})
	return tenant, err
}

// recoverAdministrator gives the administrator of an interrupted first start
// another secret: the first one may never have been seen by anybody.
func recoverAdministrator(ctx context.Context, d *directory.Directory, tenant directory.Tenant) (*directory.Administrator, error) {
	for _, principal := range d.ServicePrincipals(tenant.ID) {
		if principal.Type != directory.TypeApplication {
			continue
		}
		made, err := d.AddSecret(ctx, principal.ObjectID, "first start, resumed", 0)
		if err != nil {
			return nil, fmt.Errorf("giving the first administrator a secret: %w", err)
		}
		return &directory.Administrator{ServicePrincipal: principal, Secret: made.Value}, nil
	}
	return nil, errors.New("the first start was interrupted and its administrator isn't there: start again with an empty --data-dir")
}

// showAdministrator writes the first administrator's credential to the file
// that was asked for, or prints it.
func showAdministrator(c config, out io.Writer, tenant directory.Tenant, a directory.Administrator) error {
	// The one deliberate place that encodes this secret.
	credential, err := json.MarshalIndent(map[string]string{
		"tenantId": tenant.ID, "subscriptionId": tenant.Subscriptions[0].ID, "clientId": a.AppID, "clientSecret": a.Secret.Reveal(),
	}, "", "  ")
	if err != nil {
		return err
	}
	if c.adminCredentialFile == "" {
		_, err := fmt.Fprintf(out, "The first administrator (Owner of the subscription); this is shown once:\n%s\n", credential)
		return err
	}
	if err := os.MkdirAll(filepath.Dir(c.adminCredentialFile), 0o700); err != nil {
		return err
	}
	return renameio.WriteFile(c.adminCredentialFile, credential, 0o600)
}

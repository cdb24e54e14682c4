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
	// schemaKey holds the version of what is in the store. A program that doesn't
	// know a version must not write to it.
	schemaKey     = "/lanyard/schema"
	schemaVersion = "1"

	// roleOwner is the built-in role Owner.
	roleOwner = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
	// pendingOwnerKey names an administrator whose rights aren't granted yet: a
	// first start that was interrupted is finished by the next one.
	pendingOwnerKey = "/lanyard/pending-owner"
)

// system is who acts when nobody asked: the cloud itself.
func system(tenantID string) providers.Caller {
	return providers.Caller{TenantID: tenantID, Name: "lanyardd", Type: "Application"}
}

// checkSchema refuses a store that another version of the program wrote.
func checkSchema(ctx context.Context, s *store.Store) error {
	item, err := s.Get(ctx, schemaKey)
	if errors.Is(err, store.ErrNotFound) {
		_, err = s.Txn(ctx, []store.Cond{store.Absent(schemaKey)}, []store.Op{store.Put(schemaKey, []byte(schemaVersion))})
		if errors.Is(err, store.ErrConflict) {
			return checkSchema(ctx, s)
		}
		return err
	}
	if err != nil {
		return err
	}
	if string(item.Value) != schemaVersion {
		return fmt.Errorf("the state has schema version %s and this lanyardd knows %s: use the release that wrote it, or another --data-dir", item.Value, schemaVersion)
	}
	return nil
}

// firstStart makes the tenant, its subscription and the first administrator
// unless they exist. The administrator's secret is shown here and never again.
func firstStart(ctx context.Context, c config, out io.Writer, s *store.Store, d *directory.Directory, all providers.Resources, roles *authorization.Provider) (directory.Tenant, error) {
	tenant, administrator, err := d.EnsureFirstTenant(ctx, directory.FirstTenantOptions{})
	if err != nil {
		return tenant, err
	}
	if administrator != nil {
		if _, err := s.Txn(ctx, nil, []store.Op{store.Put(pendingOwnerKey, []byte(administrator.ObjectID))}); err != nil {
			return tenant, err
		}
		if err := showAdministrator(c, out, tenant, *administrator); err != nil {
			return tenant, err
		}
	}
	for _, subscription := range tenant.Subscriptions {
		if err := resources.EnsureSubscription(ctx, all, system(tenant.ID), resources.Subscription{
			ID: subscription.ID, TenantID: tenant.ID, DisplayName: subscription.DisplayName,
		}); err != nil {
			return tenant, fmt.Errorf("making subscription %s: %w", subscription.ID, err)
		}
	}
	pending, err := s.Get(ctx, pendingOwnerKey)
	if errors.Is(err, store.ErrNotFound) {
		return tenant, nil
	}
	if err != nil {
		return tenant, err
	}
	for _, subscription := range tenant.Subscriptions {
		if _, err := roles.Grant(ctx, authorization.Grant{
			By: system(tenant.ID), Scope: armid.Subscription(subscription.ID), Role: roleOwner, PrincipalID: string(pending.Value),
		}); err != nil {
			return tenant, fmt.Errorf("making the first administrator Owner: %w", err)
		}
	}
	_, err = s.Txn(ctx, nil, []store.Op{store.Delete(pendingOwnerKey)})
	return tenant, err
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

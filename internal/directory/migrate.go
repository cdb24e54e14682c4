package directory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/lanyard-project/lanyard/internal/store"
)

// MigrateApplications gives each application that was kept within its principal a
// document of its own, with the principal's credentials. The first administrator
// gets the right to write in the directory, which nobody needed before. It can be
// repeated after it was interrupted, and must run before the directory is opened.
func MigrateApplications(ctx context.Context, s *store.Store) error {
	page, err := s.List(ctx, principalsPrefix, store.ListOptions{})
	if err != nil {
		return fmt.Errorf("migrating applications: %w", err)
	}
	for _, item := range page.Items {
		found, err := decode(item)
		if err != nil {
			return fmt.Errorf("migrating applications: %w", err)
		}
		if found.Type != TypeApplication || found.ApplicationObjectID == "" {
			continue
		}
		if err := migrateApplication(ctx, s, item, found.record); err != nil {
			return fmt.Errorf("migrating application %s: %w", found.AppID, err)
		}
	}
	return nil
}

func migrateApplication(ctx context.Context, s *store.Store, item store.Item, principal record) error {
	application := applicationRecord{
		Application: Application{
			ObjectID: principal.ApplicationObjectID, AppID: principal.AppID, TenantID: principal.TenantID, DisplayName: principal.DisplayName, Created: principal.Created,
		},
		credentials: principal.credentials,
	}
	principal.credentials = credentials{}
	if principal.DisplayName == adminName {
		principal.Roles = []string{RoleDirectoryWrite}
	}
	put, err := application.put()
	if err != nil {
		return err
	}
	value, err := json.Marshal(principal)
	if err != nil {
		return err
	}
	_, err = s.Txn(ctx,
		[]store.Cond{store.Absent(applicationKey(application.ObjectID)), store.Unchanged(item.Key, item.Revision)},
		[]store.Op{put, store.Put(registeredKey(application.AppID), []byte(application.ObjectID)), store.Put(item.Key, value)})
	if errors.Is(err, store.ErrConflict) {
		return nil // done before, or by another replica in this moment
	}
	return err
}

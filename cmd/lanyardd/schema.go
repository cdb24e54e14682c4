package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"

	"github.com/lanyard-project/lanyard/internal/directory"
	"github.com/lanyard-project/lanyard/internal/store"
)

// schemaKey holds the version of what is in the store. A program that doesn't
// know a version must not write to it.
const schemaKey = "/lanyard/schema"

// migration brings the state from one version to the next. It must bear being
// repeated: the version is written after it, so that one which was interrupted
// runs again.
type migration struct {
	what string
	run  func(ctx context.Context, s *store.Store) error
}

// migrations are in order: the first one leads from version 1 to 2. A version
// that was released stays readable: testdata/schema has a state of each.
func migrations() []migration {
	return []migration{
		{"applications get documents of their own", directory.MigrateApplications},
	}
}

// schemaVersion is the version that this program writes.
func schemaVersion() int { return len(migrations()) + 1 }

// migrate brings an older state up to date, and refuses a newer one.
func migrate(ctx context.Context, s *store.Store, log *slog.Logger) error {
	for {
		item, err := s.Get(ctx, schemaKey)
		if errors.Is(err, store.ErrNotFound) {
			if err := writeVersion(ctx, s, store.Absent(schemaKey), schemaVersion()); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		version, err := strconv.Atoi(string(item.Value))
		if err != nil || version < 1 || version > schemaVersion() {
			return fmt.Errorf("the state has schema version %s and this lanyardd knows 1 to %d: use the release that wrote it, or another --data-dir", item.Value, schemaVersion())
		}
		if version == schemaVersion() {
			return nil
		}
		next := migrations()[version-1]
		log.Info("bringing the state up to date", "from", version, "to", version+1, "what", next.what)
		if err := next.run(ctx, s); err != nil {
			return fmt.Errorf("bringing the state from schema version %d to %d: %w", version, version+1, err)
		}
		if err := writeVersion(ctx, s, store.Unchanged(schemaKey, item.Revision), version+1); err != nil {
			return err
		}
	}
}

// writeVersion leaves it alone if another replica was faster.
func writeVersion(ctx context.Context, s *store.Store, cond store.Cond, version int) error {
	_, err := s.Txn(ctx, []store.Cond{cond}, []store.Op{store.Put(schemaKey, []byte(strconv.Itoa(version)))})
	if err != nil && !errors.Is(err, store.ErrConflict) {
		return fmt.Errorf("writing the schema version: %w", err)
	}
	return nil
}

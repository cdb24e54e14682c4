package main

import (
	"fmt"
	"log/slog"
	"os"

	"github.com/lanyard-project/lanyard/internal/providers/authorization"
	"github.com/lanyard-project/lanyard/internal/rbac"
)

// importRoles reads the built-in roles of real subscriptions that the operator
// brings along.
func importRoles(files []string, log *slog.Logger) ([]rbac.RoleDefinition, error) {
	var out []rbac.RoleDefinition
	for _, path := range files {
		file, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("--built-in-roles: %w", err)
		}
		roles, custom, err := authorization.ReadImport(file, "imported from "+path)
		file.Close()
		if err != nil {
			return nil, fmt.Errorf("--built-in-roles %s: %w", path, err)
		}
		log.Info("built-in roles imported", "file", path, "roles", len(roles), "custom roles left out", custom)
		out = append(out, roles...)
	}
	return out, nil
}

package authorization

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/lanyard-project/lanyard/internal/rbac"
)

// ReadImport reads what az role definition list prints for a real subscription:
// roles under their own names, or with az's properties flattened or not. Custom
// roles are left out, because the scopes that they are assignable at exist there
// and not here; how many is told.
func ReadImport(from io.Reader, source string) (roles []rbac.RoleDefinition, custom int, err error) {
	var rows []struct {
		rbac.RoleDefinition
		Properties *rbac.RoleDefinition `json:"properties"`
		// Kind is where unflattened properties say the type.
	}
	if err := json.NewDecoder(from).Decode(&rows); err != nil {
		return nil, 0, fmt.Errorf("reading role definitions: it must be the JSON output of 'az role definition list': %w", err)
	}
	for i, row := range rows {
		def := row.RoleDefinition
		if row.Properties != nil {
			name := def.Name
			def = *row.Properties
			def.Name = name
		}
		switch {
		case def.Type == rbac.CustomRole:
			custom++
			continue
		case !guid(def.Name) || def.RoleName == "" || len(def.Permissions) == 0:
			return nil, 0, fmt.Errorf("reading role definitions: row %d has no GUID, name or permissions", i+1)
		}
		for _, p := range def.Permissions {
			if err := checkPermission(p); err != nil {
				return nil, 0, fmt.Errorf("reading role definitions: '%s': %w", def.RoleName, err)
			}
		}
		def.Type, def.AssignableScopes, def.Source = rbac.BuiltInRole, []string{"/"}, source
		roles = append(roles, def)
	}
	return roles, custom, nil
}

// merged puts imported roles in the place of those with the same GUID, or behind.
func merged(roles, imported []rbac.RoleDefinition) []rbac.RoleDefinition {
	at := map[string]int{}
	for i, def := range roles {
		at[strings.ToLower(def.Name)] = i
	}
	for _, def := range imported {
		if i, ok := at[strings.ToLower(def.Name)]; ok {
			roles[i] = def
			continue
		}
		at[strings.ToLower(def.Name)] = len(roles)
		roles = append(roles, def)
	}
	return roles
}

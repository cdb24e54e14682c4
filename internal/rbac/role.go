package rbac

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// RoleType tells who defined a role.
type RoleType string

// The two kinds of role definitions.
const (
	BuiltInRole RoleType = "BuiltInRole"
	CustomRole  RoleType = "CustomRole"
)

// Permission is one block of a role definition. NotActions take away from the
// Actions of the same block only: they deny nothing that another block, role
// or assignment grants.
type Permission struct {
	Actions        []string `json:"actions"`
	NotActions     []string `json:"notActions"`
	DataActions    []string `json:"dataActions"`
	NotDataActions []string `json:"notDataActions"`
	// Condition guards the block (ABAC). A block whose condition can't be
	// evaluated grants nothing.
	Condition        *string `json:"condition,omitempty"`
	ConditionVersion *string `json:"conditionVersion,omitempty"`
}

// RoleDefinition is a named set of permissions.
type RoleDefinition struct {
	Name             string       `json:"name"` // a GUID
	RoleName         string       `json:"roleName"`
	Description      string       `json:"description"`
	Type             RoleType     `json:"roleType"`
	AssignableScopes []string     `json:"assignableScopes"`
	Permissions      []Permission `json:"permissions"`
	// Source says where the data of a built-in role is from.
	Source string `json:"source,omitempty"`
	// special marks a built-in role made for one service's own use: it can be
	// assigned as any other, and is never advised.
	special bool
}

// The built-in roles that people know and that this cloud's types need, and all
// others that the index of Azure's documentation lists.
var (
	//go:embed builtin-roles.json
	builtinRoles []byte
	//go:embed builtin-roles-special.json
	specialRoles []byte
)

// BuiltinRoles are Azure's built-in role definitions, in the order of the
// embedded data, which is read once. What a definition refers to is shared and
// not to be changed.
func BuiltinRoles() ([]RoleDefinition, error) {
	roles, err := readBuiltinRoles()
	return slices.Clone(roles), err
}

var readBuiltinRoles = sync.OnceValues(func() ([]RoleDefinition, error) { //nolint:gochecknoglobals // a constant: what is embedded, decoded
	var roles, special []RoleDefinition
	if err := errors.Join(json.Unmarshal(builtinRoles, &roles), json.Unmarshal(specialRoles, &special)); err != nil {
		return nil, fmt.Errorf("reading the built-in roles: %w", err)
	}
	for i := range special {
		special[i].special = true
	}
	return append(roles, special...), nil
})

// RoleGUID returns the lower-cased GUID that a role definition id ends with.
// The id has several equivalent forms (tenant, subscription or any other scope
// before the same provider and GUID); only the GUID tells roles apart.
func RoleGUID(roleDefinitionID string) string {
	return strings.ToLower(roleDefinitionID[strings.LastIndexByte(roleDefinitionID, '/')+1:])
}

// role is a definition that is made ready to be matched when it is first asked: most
// built-in roles never are.
type role struct {
	definition *RoleDefinition
	blocks     func() []block
}

type block struct {
	actions, notActions, dataActions, notDataActions []pattern
	guard                                            *guard
}

func compileRole(def *RoleDefinition) *role {
	return &role{definition: def, blocks: sync.OnceValue(func() []block { return compileBlocks(def.Permissions) })}
}

func compileBlocks(permissions []Permission) []block {
	blocks := make([]block, len(permissions))
	for i, p := range permissions {
		blocks[i] = block{
			actions:        compilePatterns(p.Actions),
			notActions:     compilePatterns(p.NotActions),
			dataActions:    compilePatterns(p.DataActions),
			notDataActions: compilePatterns(p.NotDataActions),
		}
		if p.Condition != nil {
			blocks[i].guard = newGuard(*p.Condition)
		}
	}
	return blocks
}

// covers says whether the block grants a lower-cased action, its condition aside.
func (b *block) covers(action []byte, data bool) bool {
	yes, no := b.actions, b.notActions
	if data {
		yes, no = b.dataActions, b.notDataActions
	}
	return matchAny(yes, action) && !matchAny(no, action)
}

// grants says whether the role covers a lower-cased action. unmet is true when it
// would but for the conditions of its blocks.
func (r *role) grants(action []byte, q *Query) (granted, unmet bool) {
	blocks := r.blocks()
	for i := range blocks {
		b := &blocks[i]
		if !b.covers(action, q.Data) {
			continue
		}
		if b.guard.fulfilled(q) {
			return true, false
		}
		unmet = true
	}
	return false, unmet
}

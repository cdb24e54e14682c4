package rbac

import (
	"cmp"
	"slices"
	"strings"
)

// Advise returns the role with the least rights that has the action, or nil. It
// looks at built-in roles only, and not at those of one service's own use: whoever
// needs a hint isn't helped by another team's custom role, nor by "Windows 365
// Network User".
func (x *Index) Advise(action string, data bool) *RoleDefinition {
	lower := appendLower(nil, action)
	q := Query{Action: action, Data: data}
	x.mu.RLock()
	defer x.mu.RUnlock()
	var best *role
	for _, s := range x.roles {
		if s.role == nil || s.role.definition.Type != BuiltInRole || s.role.definition.special {
			continue
		}
		if granted, _ := s.role.grants(lower, &q); !granted {
			continue
		}
		if best == nil || cmp.Or(cmp.Compare(s.role.breadth(lower), best.breadth(lower)), strings.Compare(s.role.definition.RoleName, best.definition.RoleName)) < 0 {
			best = s.role
		}
	}
	if best == nil {
		return nil
	}
	return best.definition
}

// breadth is a measure of how much a role grants: each pattern counts, one with
// a star more, one that isn't for reading much more where reading is wanted, and
// everything most of all.
func (r *role) breadth(action []byte) int {
	reading := strings.HasSuffix(string(action), "/read")
	total := 0
	for _, p := range r.definition.Permissions {
		for _, text := range slices.Concat(p.Actions, p.DataActions) {
			switch {
			case text == "*":
				total += 1000
			case strings.HasSuffix(strings.ToLower(text), "/read"):
				total++
			case reading:
				total += 50
			case strings.Contains(text, "*"):
				total += 5
			default:
				total += 2
			}
		}
		total -= len(p.NotActions) + len(p.NotDataActions)
	}
	return total
}

package rbac

import (
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
)

// Check decides whether any of the principals (a caller and its groups) may
// perform the action at the scope. data selects the data plane, which is apart:
// "*" among a role's actions covers no data action.
func (x *Index) Check(principalIDs []string, action string, scope armid.ID, data bool) Decision {
	var buf [128]byte
	lower := appendLower(buf[:0], action)

	x.mu.RLock()
	defer x.mu.RUnlock()
	var unmet *Assignment
	for _, id := range principalIDs {
		scopes, ok := x.grants[strings.ToLower(id)]
		if !ok {
			continue
		}
		walk := levels{key: scope.Key()}
		for at, more := walk.next(); more; at, more = walk.next() {
			for _, g := range scopes[at] {
				if g.slot.role == nil || !g.slot.role.grants(lower, data) {
					continue
				}
				if g.assignment.Condition != "" {
					unmet = g.assignment
					continue
				}
				return Decision{Allowed: true, Assignment: g.assignment, Role: g.slot.role.definition}
			}
		}
	}
	return Decision{Unmet: unmet}
}

// Permissions returns the permission blocks that the principals have at the
// scope: one entry for each block of each role assigned there or above.
func (x *Index) Permissions(principalIDs []string, scope armid.ID) []Permission {
	x.mu.RLock()
	defer x.mu.RUnlock()
	var out []Permission
	for _, id := range principalIDs {
		scopes := x.grants[strings.ToLower(id)]
		walk := levels{key: scope.Key()}
		for at, more := walk.next(); more; at, more = walk.next() {
			for _, g := range scopes[at] {
				if g.slot.role != nil && g.assignment.Condition == "" {
					out = append(out, g.slot.role.definition.Permissions...)
				}
			}
		}
	}
	return out
}

// Touches reports whether any of the principals has a role at the scope, above it
// or below it. A role that doesn't exist (any more) and a condition count as well:
// this is about what a principal may know of, not about what it may do.
func (x *Index) Touches(principalIDs []string, scope armid.ID) bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	for _, id := range principalIDs {
		for _, grants := range x.grants[strings.ToLower(id)] {
			if at := grants[0].assignment.Scope; at.Under(scope) || scope.Under(at) {
				return true
			}
		}
	}
	return false
}

// appendLower lower-cases ASCII, which is all that an action may hold. Unlike
// strings.ToLower it doesn't allocate when the buffer suffices.
func appendLower(dst []byte, s string) []byte {
	for i := range len(s) {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}

package rbac

import (
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/rbac/condition"
)

// Query is a question to the index.
type Query struct {
	// Principals are a caller and its groups.
	Principals []string
	Action     string
	Scope      armid.ID
	// Data selects the data plane, which is apart: "*" among a role's actions covers
	// no data action.
	Data bool
	// Attributes and SubOperation are what conditions ask about; both may be empty.
	Attributes   condition.Attributes
	SubOperation string
}

// Check decides without attributes: a condition that asks for any isn't fulfilled.
func (x *Index) Check(principalIDs []string, action string, scope armid.ID, data bool) Decision {
	return x.Decide(Query{Principals: principalIDs, Action: action, Scope: scope, Data: data})
}

// Decide answers whether any of the principals may perform the action at the scope.
func (x *Index) Decide(q Query) Decision {
	var buf [128]byte
	lower := appendLower(buf[:0], q.Action)
	x.mu.RLock()
	defer x.mu.RUnlock()
	if d := x.denied(lower, &q); d != nil {
		return Decision{Denied: d}
	}
	var out Decision
	for _, id := range q.Principals {
		scopes, ok := x.grants[strings.ToLower(id)]
		if !ok {
			continue
		}
		walk := levels{key: q.Scope.Key()}
		for at, more := walk.next(); more; at, more = walk.next() {
			for _, g := range scopes[at] {
				switch x.weigh(g, lower, &q) {
				case grants:
					return Decision{Allowed: true, Assignment: g.assignment, Role: g.slot.role.definition}
				case unmet:
					out.Unmet = g.assignment
				case pending:
					out.Pending = g.assignment
				case nothing:
				}
			}
		}
	}
	return out
}

// weight is what an assignment means for a query.
type weight int

const (
	nothing weight = iota // the role doesn't have the action
	unmet                 // a condition stands in the way
	pending               // the assignment doesn't count yet
	grants
)

// weigh needs the read lock.
func (x *Index) weigh(g grant, action []byte, q *Query) weight {
	if g.slot.role == nil {
		return nothing
	}
	granted, conditional := g.slot.role.grants(action, q)
	switch {
	case !granted && !conditional:
		return nothing
	case !granted || !g.assignment.guard.fulfilled(q):
		return unmet
	case !g.assignment.From.IsZero() && x.now().Before(g.assignment.From):
		return pending
	}
	return grants
}

// Permissions returns the permission blocks that the principals have at the
// scope: one entry for each block of each role assigned there or above, with the
// condition under which it counts.
func (x *Index) Permissions(principalIDs []string, scope armid.ID) []Permission {
	x.mu.RLock()
	defer x.mu.RUnlock()
	version := "2.0"
	var out []Permission
	for _, id := range principalIDs {
		scopes := x.grants[strings.ToLower(id)]
		walk := levels{key: scope.Key()}
		for at, more := walk.next(); more; at, more = walk.next() {
			for _, g := range scopes[at] {
				if g.slot.role == nil || !g.assignment.From.IsZero() && x.now().Before(g.assignment.From) {
					continue
				}
				for _, p := range g.slot.role.definition.Permissions {
					if g.assignment.Condition != "" {
						p.Condition, p.ConditionVersion = &g.assignment.Condition, &version
					}
					out = append(out, p)
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

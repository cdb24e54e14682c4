package rbac

import "strings"

// Consideration is one assignment of the principals at or above a scope, and what
// it means for an action.
type Consideration struct {
	Assignment *Assignment
	Role       *RoleDefinition // nil: it doesn't exist (any more)
	Outcome    string          // "grants", "condition not fulfilled", "not propagated yet", "role doesn't have the action" or "role doesn't exist"
}

// Explain tells which assignments were looked at for a query, from the tenant
// root down. The decision itself is Decide's.
func (x *Index) Explain(q Query) []Consideration {
	lower := appendLower(nil, q.Action)
	x.mu.RLock()
	defer x.mu.RUnlock()
	var out []Consideration
	walk := levels{key: q.Scope.Key()}
	for at, more := walk.next(); more; at, more = walk.next() {
		for _, id := range q.Principals {
			for _, g := range x.grants[strings.ToLower(id)][at] {
				c := Consideration{Assignment: g.assignment}
				if g.slot.role != nil {
					c.Role = g.slot.role.definition
				}
				c.Outcome = outcome(x.weigh(g, lower, &q), c.Role)
				out = append(out, c)
			}
		}
	}
	return out
}

func outcome(w weight, role *RoleDefinition) string {
	switch {
	case role == nil:
		return "role doesn't exist"
	case w == grants:
		return "grants"
	case w == unmet:
		return "condition not fulfilled"
	case w == pending:
		return "not propagated yet"
	}
	return "role doesn't have the action"
}

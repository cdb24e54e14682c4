package rbac

import (
	"slices"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
)

// Everyone is the principal of a deny assignment that stands for all.
const Everyone = "00000000-0000-0000-0000-000000000000"

// DenyAssignment forbids actions at a scope, whatever is granted.
type DenyAssignment struct {
	ID                armid.ID
	Name              string
	Scope             armid.ID
	Permissions       []Permission
	Principals        []string
	ExcludePrincipals []string
	// OnlyHere leaves the scopes below alone (doNotApplyToChildScopes).
	OnlyHere  bool
	Condition string

	blocks []block
	guard  *guard
}

// PutDeny adds a deny assignment or replaces the one with the same id.
func (x *Index) PutDeny(d DenyAssignment) {
	d.blocks, d.guard = compileBlocks(d.Permissions), newGuard(d.Condition)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.removeDeny(d.ID)
	x.denies[d.Scope.Key()] = append(x.denies[d.Scope.Key()], &d)
}

// RemoveDeny forgets the deny assignment with this id, if there is one.
func (x *Index) RemoveDeny(id armid.ID) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.removeDeny(id)
}

func (x *Index) removeDeny(id armid.ID) {
	for scope, list := range x.denies {
		left := slices.DeleteFunc(slices.Clone(list), func(d *DenyAssignment) bool { return d.ID.Equal(id) })
		if len(left) == 0 {
			delete(x.denies, scope)
		} else {
			x.denies[scope] = left
		}
	}
}

// denied returns the deny assignment that forbids the action, or nil. It needs
// the read lock.
func (x *Index) denied(action []byte, q *Query) *DenyAssignment {
	if len(x.denies) == 0 {
		return nil
	}
	key := q.Scope.Key()
	walk := levels{key: key}
	for at, more := walk.next(); more; at, more = walk.next() {
		for _, d := range x.denies[at] {
			if d.OnlyHere && at != key || !d.concerns(q.Principals) {
				continue
			}
			for i := range d.blocks {
				if d.blocks[i].covers(action, q.Data) && d.guard.applies(q) {
					return d
				}
			}
		}
	}
	return nil
}

// concerns reports whether the deny assignment is about any of the principals and
// excludes none of them.
func (d *DenyAssignment) concerns(principals []string) bool {
	about := func(list []string) bool {
		return slices.ContainsFunc(principals, func(p string) bool {
			return slices.ContainsFunc(list, func(l string) bool { return strings.EqualFold(l, p) })
		})
	}
	return (slices.Contains(d.Principals, Everyone) || about(d.Principals)) && !about(d.ExcludePrincipals)
}

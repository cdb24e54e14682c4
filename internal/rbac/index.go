package rbac

import (
	"strings"
	"sync"
	"time"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
)

// Assignment gives a principal a role at a scope and everything below it.
type Assignment struct {
	ID               armid.ID
	Scope            armid.ID
	RoleDefinitionID string // any form of id; its GUID counts
	PrincipalID      string
	PrincipalType    string
	Condition        string
	// From is when the assignment begins to count; zero: at once.
	From time.Time

	guard *guard // compiled from Condition
}

// Decision is the answer to a Check, with the reason.
type Decision struct {
	Allowed bool
	// Assignment and Role granted the action; nil when it isn't allowed.
	Assignment *Assignment
	Role       *RoleDefinition
	// Unmet is an assignment that would have granted the action but for its
	// condition (or its role's); nil when it is allowed or when there is none.
	Unmet *Assignment
	// Pending is an assignment that will grant the action once it has propagated.
	Pending *Assignment
	// Denied is the deny assignment that forbids the action, whatever is granted.
	Denied *DenyAssignment
}

// Index holds role definitions and assignments for fast decisions. It is safe
// for concurrent use; a change is visible to every Check that begins after the
// changing call has returned.
type Index struct {
	mu          sync.RWMutex
	roles       map[string]*slot              // by lower-cased GUID
	grants      map[string]map[string][]grant // by principal id, then by scope key
	assignments map[string]*Assignment        // by the key of the assignment's id
	denies      map[string][]*DenyAssignment  // by scope key
	now         func() time.Time
}

// slot is the place of a role, which may be empty: an assignment may arrive
// before its role does, or outlive it, and then grants nothing.
type slot struct {
	role *role
}

type grant struct {
	assignment *Assignment
	slot       *slot
}

// NewIndex returns an index that knows the given roles and no assignment.
func NewIndex(roles []RoleDefinition) *Index {
	x := &Index{
		roles:       make(map[string]*slot),
		grants:      make(map[string]map[string][]grant),
		assignments: make(map[string]*Assignment),
		denies:      make(map[string][]*DenyAssignment),
		now:         time.Now,
	}
	for _, def := range roles {
		x.SetRole(def)
	}
	return x
}

// SetClock makes assignments with a From wait by another clock than the machine's.
func (x *Index) SetClock(now func() time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.now = now
}

// SetRole adds a role definition or replaces it.
func (x *Index) SetRole(def RoleDefinition) {
	compiled := compileRole(&def)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.slot(strings.ToLower(def.Name)).role = compiled
}

// RemoveRole forgets a role definition. Assignments that name it stay and
// grant nothing.
func (x *Index) RemoveRole(guid string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.slot(strings.ToLower(guid)).role = nil
}

// slot needs the write lock.
func (x *Index) slot(guid string) *slot {
	s, ok := x.roles[guid]
	if !ok {
		s = &slot{}
		x.roles[guid] = s
	}
	return s
}

// Role returns the definition with this GUID.
func (x *Index) Role(guid string) (*RoleDefinition, bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if s, ok := x.roles[strings.ToLower(guid)]; ok && s.role != nil {
		return s.role.definition, true
	}
	return nil, false
}

// Put adds an assignment or replaces the one with the same id.
func (x *Index) Put(a Assignment) {
	a.guard = newGuard(a.Condition)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.remove(a.ID.Key())
	x.assignments[a.ID.Key()] = &a

	principal := strings.ToLower(a.PrincipalID)
	scopes := x.grants[principal]
	if scopes == nil {
		scopes = make(map[string][]grant)
		x.grants[principal] = scopes
	}
	scope := a.Scope.Key()
	scopes[scope] = append(scopes[scope], grant{assignment: &a, slot: x.slot(RoleGUID(a.RoleDefinitionID))})
}

// Remove forgets the assignment with this id, if there is one.
func (x *Index) Remove(id armid.ID) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.remove(id.Key())
}

func (x *Index) remove(key string) {
	a, ok := x.assignments[key]
	if !ok {
		return
	}
	delete(x.assignments, key)
	principal, scope := strings.ToLower(a.PrincipalID), a.Scope.Key()
	scopes := x.grants[principal]
	var left []grant
	for _, g := range scopes[scope] {
		if g.assignment != a {
			left = append(left, g)
		}
	}
	if scopes[scope] = left; len(left) == 0 {
		delete(scopes, scope)
	}
	if len(scopes) == 0 {
		delete(x.grants, principal)
	}
}

// Len is the number of assignments.
func (x *Index) Len() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return len(x.assignments)
}

// Assigned reports whether any assignment names the role with this GUID.
func (x *Index) Assigned(guid string) bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	for _, a := range x.assignments {
		if RoleGUID(a.RoleDefinitionID) == strings.ToLower(guid) {
			return true
		}
	}
	return false
}

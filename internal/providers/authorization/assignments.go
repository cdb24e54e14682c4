package authorization

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/rbac"
	"github.com/lanyard-project/lanyard/internal/store"
)

// maxPerSubscription is Azure's limit of assignments at and below a subscription.
const maxPerSubscription = 4000

func (p *Provider) roleAssignments() *providers.Type {
	return &providers.Type{
		Namespace: namespace,
		Name:      "roleAssignments",
		APIVersions: []string{
			"2014-10-01-preview", "2015-07-01", "2017-10-01-preview", "2018-01-01-preview", "2018-09-01-preview",
			"2020-03-01-preview", "2020-04-01-preview", "2020-08-01-preview", "2020-10-01-preview", "2022-04-01",
		},
		Levels:      providers.AtAnyScope,
		Verbs:       providers.CanGet | providers.CanList | providers.CanPut | providers.CanDelete,
		HideState:   true,
		HideSystem:  true,
		ShowDeleted: true,
		Prepare:     prepare,
		Admit:       p.admit,
		Remove:      p.remove,
		Attributes:  p.assignmentAttributes,
		NotFound:    func(id armid.ID) *rest.Error { return assignmentNotFound(id.Name()) },
		List:        p.listAssignments,
	}
}

// prepare refuses what is malformed, and changes of what an assignment is about.
func prepare(_ context.Context, r *providers.Request) error {
	q, err := readRequest(r.Next)
	if err != nil {
		return err
	}
	if r.Old != nil {
		old, err := resource.Read[properties](r.Old)
		if err != nil {
			return err
		}
		if !strings.EqualFold(old.PrincipalID, q.PrincipalID) || rbac.RoleGUID(old.RoleDefinitionID) != rbac.RoleGUID(q.RoleDefinitionID) {
			return updateNotPermitted()
		}
	}
	return nil
}

func (p *Provider) admit(ctx context.Context, r *providers.Request) error {
	q, err := readRequest(r.Next)
	if err != nil {
		return err
	}
	role := rbac.RoleGUID(q.RoleDefinitionID)
	if err := p.assignable(role, r.Next.ID.Parent()); err != nil {
		return err
	}
	if q.PrincipalType, err = p.principalType(ctx, r, q); err != nil {
		return err
	}
	if r.Old == nil {
		if p.count(r.Next.ID.SubscriptionID()) >= maxPerSubscription {
			return assignmentLimit()
		}
		claim, err := p.claim(ctx, r.Next.ID, role, q.PrincipalID)
		if err != nil {
			return err
		}
		if claim.holder != "" {
			return assignmentExists()
		}
		r.Ops = append(r.Ops, claim.op)
		r.Conds = append(r.Conds, claim.conds...)
	}
	return q.complete(r.Next, r.Old, r.Caller.ObjectID, r.Now)
}

// assignable checks that the role exists and may be assigned at the scope.
func (p *Provider) assignable(role string, scope armid.ID) error {
	def, ok := p.index.Role(role)
	if !ok {
		return roleDoesNotExist(400, role)
	}
	for _, text := range def.AssignableScopes {
		if at, err := armid.Parse(text); err == nil && scope.Under(at) {
			return nil
		}
	}
	return notAssignable(scope.String(), role)
}

// principalType asks the directory, unless the assignment knows already: its
// principal may be gone since. A type that the client names saves the principal
// from having to exist, but must not be wrong about one that does.
func (p *Provider) principalType(ctx context.Context, r *providers.Request, q request) (string, error) {
	if r.Old != nil {
		props, err := resource.Read[properties](r.Old)
		return props.PrincipalType, err
	}
	kind, err := p.cfg.Principals.PrincipalType(ctx, r.Caller.TenantID, strings.ToLower(q.PrincipalID))
	switch {
	case err != nil:
		return "", fmt.Errorf("looking up principal %s: %w", q.PrincipalID, err)
	case kind == "" && q.PrincipalType == "":
		return "", principalNotFound(q.PrincipalID, r.Caller.TenantID)
	case kind == "":
		return q.PrincipalType, nil
	case q.PrincipalType != "" && q.PrincipalType != kind:
		return "", unmatchedPrincipalType(q.PrincipalID, kind, q.PrincipalType)
	}
	return kind, nil
}

// claim is the right to be the one assignment of a role to a principal at a scope.
type claim struct {
	holder string // the key of the assignment that has it already, or ""
	op     store.Op
	conds  []store.Cond
}

// claim looks who holds the claim. A claim is only as good as the assignment
// that it names: one whose assignment went with its resource group is taken over.
func (p *Provider) claim(ctx context.Context, id armid.ID, roleGUID, principalID string) (claim, error) {
	key := claimKey(id.Parent(), roleGUID, principalID)
	c := claim{op: store.Put(key, []byte(resource.StoreKey(id)))}
	item, err := p.cfg.Store.Get(ctx, key)
	switch {
	case errors.Is(err, store.ErrNotFound):
		c.conds = []store.Cond{store.Absent(key)}
		return c, nil
	case err != nil:
		return claim{}, fmt.Errorf("reading who holds the assignment: %w", err)
	}
	holder := string(item.Value)
	_, err = p.cfg.Store.Get(ctx, holder)
	switch {
	case err == nil:
		c.holder = holder
		return c, nil
	case errors.Is(err, store.ErrNotFound):
		c.conds = []store.Cond{store.Unchanged(key, item.Revision), store.Absent(holder)}
		return c, nil
	}
	return claim{}, fmt.Errorf("reading who holds the assignment: %w", err)
}

// remove gives the claim back with the assignment.
func (p *Provider) remove(_ context.Context, r *providers.Request) error {
	props, err := resource.Read[properties](r.Old)
	if err != nil {
		return err
	}
	if err := p.keepsAdministrator(r.Old, props); err != nil {
		return err
	}
	r.Ops = append(r.Ops, store.Delete(claimKey(r.Old.ID.Parent(), rbac.RoleGUID(props.RoleDefinitionID), props.PrincipalID)))
	return nil
}

// administrators are the roles that may assign roles: Owner, User Access
// Administrator and Role Based Access Control Administrator.
func administrators() []string {
	return []string{"8e3af657-a8ff-443c-a75c-2fe8c4bcb635", "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9", "f58310d9-a9f6-439a-9e8d-f62e7b41a168"}
}

// keepsAdministrator refuses to take the last assignment away by which anybody
// can assign roles in a subscription.
func (p *Provider) keepsAdministrator(r *resource.Resource, props properties) error {
	subscription := r.ID.Parent()
	if !subscription.Is(armid.SubscriptionType) || !slices.Contains(administrators(), rbac.RoleGUID(props.RoleDefinitionID)) {
		return nil
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	for _, other := range p.assignments {
		if other.ID.Equal(r.ID) || !subscription.Under(other.ID.Parent()) {
			continue
		}
		o, err := resource.Read[properties](other)
		if err == nil && o.Condition == nil && slices.Contains(administrators(), rbac.RoleGUID(o.RoleDefinitionID)) {
			return nil
		}
	}
	return lastAdministrator()
}

// count is the number of assignments at and below a subscription.
func (p *Provider) count(subscription armid.ID) int {
	if subscription.IsZero() {
		return 0
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.perSubscription[subscription.Key()]
}

// listAssignments answers from memory. Without a filter a list holds what is at
// the scope, above it and below it.
func (p *Provider) listAssignments(_ context.Context, r *providers.Request) ([]*resource.Resource, error) {
	f, err := parseFilter(r.Query.Get("$filter"), "atScope", "assignedTo", "principalId")
	if err != nil {
		return nil, err
	}
	wanted := p.wanted(f)
	p.mu.RLock()
	defer p.mu.RUnlock()
	var out []*resource.Resource
	for _, key := range slices.Sorted(maps.Keys(p.assignments)) {
		a := p.assignments[key]
		scope := a.ID.Parent()
		if !r.Scope.Under(scope) && (f.has("atScope") || !scope.Under(r.Scope)) {
			continue
		}
		if wanted != nil {
			props, err := resource.Read[properties](a)
			if err != nil {
				return nil, err
			}
			if !slices.ContainsFunc(wanted, func(id string) bool { return strings.EqualFold(id, props.PrincipalID) }) {
				continue
			}
		}
		out = append(out, a)
	}
	return out, nil
}

// wanted are the principals that a list is limited to: one, or with assignedTo()
// one and its groups; nil for all.
func (p *Provider) wanted(f filter) []string {
	if id, ok := f["principalId"]; ok {
		return []string{id}
	}
	if id, ok := f["assignedTo"]; ok {
		return p.principals(nil, providers.Caller{ObjectID: id})
	}
	return nil
}

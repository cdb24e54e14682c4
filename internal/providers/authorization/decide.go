package authorization

import (
	"context"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/rbac"
)

// Check decides whether the caller may perform the action at the scope. The
// reason is the ID of the assignment that allows it; for a refusal it is empty,
// or names what stood in the way.
func (p *Provider) Check(_ context.Context, caller providers.Caller, action string, scope armid.ID) (bool, string) {
	return reason(p.Decide(caller, action, scope, false))
}

// CheckWith is Check for a request whose attributes conditions may ask for.
func (p *Provider) CheckWith(_ context.Context, caller providers.Caller, action string, scope armid.ID, attributes func() (rbac.AttributeSet, error)) (bool, string, error) {
	d := p.Decide(caller, action, scope, false)
	if d.Allowed || d.Unmet == nil {
		allowed, why := reason(d)
		return allowed, why, nil
	}
	set, err := attributes()
	if err != nil {
		return false, "", err
	}
	allowed, why := reason(p.DecideWith(caller, rbac.Query{Action: action, Scope: scope, Attributes: set}))
	return allowed, why, nil
}

func reason(d rbac.Decision) (bool, string) {
	switch {
	case d.Allowed:
		return true, d.Assignment.ID.String()
	case d.Denied != nil:
		return false, "denied: " + d.Denied.ID.String()
	case d.Unmet != nil:
		return false, "condition not fulfilled: " + d.Unmet.ID.String()
	case d.Pending != nil:
		return false, "not propagated yet: " + d.Pending.ID.String()
	}
	return false, ""
}

// Decide is Check with the whole reason; data selects the data plane.
func (p *Provider) Decide(caller providers.Caller, action string, scope armid.ID, data bool) rbac.Decision {
	return p.DecideWith(caller, rbac.Query{Action: action, Scope: scope, Data: data})
}

// DecideWith decides a query whose principals are the caller and its groups, with
// attributes if it has any. It is what a data plane asks.
func (p *Provider) DecideWith(caller providers.Caller, q rbac.Query) rbac.Decision {
	if caller.ObjectID == "" {
		return rbac.Decision{}
	}
	var buf [8]string
	q.Principals = p.principals(buf[:0], caller)
	if q.Attributes == nil {
		q.Attributes = p.environment
	} else {
		q.Attributes = &environment{clock: p.cfg.Clock.Now, more: q.Attributes}
	}
	return p.index.Decide(q)
}

// principals are the caller and the groups that it is in.
func (p *Provider) principals(to []string, caller providers.Caller) []string {
	to = append(append(to, caller.ObjectID), caller.Groups...)
	if m, ok := p.cfg.Principals.(Memberships); ok {
		to = append(to, m.GroupsOf(caller.ObjectID)...)
	}
	return to
}

// Sees reports whether the caller has any role at the scope, above it or below it:
// then it may know that the subscription exists.
func (p *Provider) Sees(_ context.Context, caller providers.Caller, scope armid.ID) bool {
	return p.index.Touches(p.principals(nil, caller), scope)
}

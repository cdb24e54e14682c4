package pipeline

import (
	"context"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/rbac"
)

// Authorizer decides whether a caller may perform an action at a scope. The
// reason is for the record: the role assignment that allows it.
type Authorizer interface {
	Check(ctx context.Context, caller providers.Caller, action string, scope armid.ID) (allowed bool, reason string)
}

// Sighted is an Authorizer that can tell whether a caller has any right at or
// below a scope: such a caller sees the subscription that the scope is in.
type Sighted interface {
	Sees(ctx context.Context, caller providers.Caller, scope armid.ID) bool
}

// Conditional is an Authorizer that knows conditions. attributes is called only
// when a condition stands between the caller and the action.
type Conditional interface {
	CheckWith(ctx context.Context, caller providers.Caller, action string, scope armid.ID,
		attributes func() (rbac.AttributeSet, error)) (allowed bool, reason string, err error)
}

// Refuser is an Authorizer that words its refusals, with what to do about them.
type Refuser interface {
	Refuse(ctx context.Context, caller providers.Caller, action string, scope armid.ID) *rest.Error
	// Advice tells how the caller gets the right to an action.
	Advice(ctx context.Context, caller providers.Caller, action string, scope armid.ID) string
}

// authorise decides on the call's own action.
func (p *Pipeline) authorise(ctx context.Context, c *call) error {
	action, scope := c.match.Permission(), c.match.At()
	c.entry.Action, c.entry.Scope = action, scope.String()
	reading := c.match.Method == providers.Get || c.match.Method == providers.List
	switch {
	case reading && c.match.Type.Public:
		c.entry.Allowed, c.entry.Reason = true, "open to every caller"
		return nil
	case c.match.Method == providers.Do && c.match.Action.Open:
		c.entry.Allowed, c.entry.Reason = true, "open to every caller"
		return nil
	case c.match.Method == providers.List && c.match.Type.ListVisible:
		c.entry.Allowed, c.entry.Reason = true, "shows only what the caller may read"
		return nil
	case c.match.Method == providers.Get && scope.Is(armid.SubscriptionType) && p.sees(ctx, c, scope):
		c.entry.Allowed, c.entry.Reason = true, "has a right below"
		return nil
	}
	var err error
	if c.entry.Allowed, c.entry.Reason, err = p.check(ctx, c, action, scope); err != nil {
		return err
	}
	if !c.entry.Allowed {
		return p.refusal(ctx, c, action, scope)
	}
	return nil
}

// check asks the authoriser, with the attributes of the request if it wants them.
func (p *Pipeline) check(ctx context.Context, c *call, action string, scope armid.ID) (bool, string, error) {
	conditional, ok := p.Authorizer.(Conditional)
	if !ok || c.match.Type.Attributes == nil {
		allowed, reason := p.Authorizer.Check(ctx, c.caller, action, scope)
		return allowed, reason, nil
	}
	return conditional.CheckWith(ctx, c.caller, action, scope, func() (rbac.AttributeSet, error) {
		r := p.request(c)
		var err error
		if c.match.Method == providers.Put || c.match.Method == providers.Patch || c.match.Method == providers.Do {
			if r.Body, err = readBody(c, false); err != nil {
				return nil, err
			}
		}
		if !c.match.ID.IsZero() {
			if r.Old, err = p.find(ctx, c); err != nil {
				return nil, err
			}
		}
		return c.match.Type.Attributes(ctx, r), nil
	})
}

// refusal is the 403 for the call's own action.
func (p *Pipeline) refusal(ctx context.Context, c *call, action string, scope armid.ID) error {
	if r, ok := p.Authorizer.(Refuser); ok {
		return r.Refuse(ctx, c.caller, action, scope)
	}
	return rest.AuthorizationFailed(c.caller.Client(), c.caller.ObjectID, action, scope.String())
}

// authoriseLinked decides on the scopes that the request refers to. Azure names
// all scopes of the first action that fails.
func (p *Pipeline) authoriseLinked(ctx context.Context, c *call, linked []providers.Linked) error {
	failed, scopes := "", []string(nil)
	var first armid.ID
	for _, l := range linked {
		if err := p.linkedTenant(ctx, c, l); err != nil {
			c.entry.Allowed, c.entry.Reason = false, "refers to another tenant"
			return err
		}
		if allowed, _ := p.Authorizer.Check(ctx, c.caller, l.Action, l.Scope); allowed {
			continue
		}
		if failed == "" {
			failed, first = l.Action, l.Scope
		}
		if l.Action == failed {
			scopes = append(scopes, l.Scope.String())
		}
	}
	if failed == "" {
		return nil
	}
	c.entry.Allowed, c.entry.Reason = false, "lacks "+failed
	e := rest.LinkedAuthorizationFailed(c.caller.Client(), c.caller.ObjectID, c.match.Permission(), c.match.At().String(), failed, scopes)
	if r, ok := p.Authorizer.(Refuser); ok {
		e.Message += r.Advice(ctx, c.caller, failed, first)
	}
	return e
}

// linkedTenant refuses a reference into a subscription of another tenant, whatever
// roles are assigned there: the caller's token proves nothing to it.
func (p *Pipeline) linkedTenant(ctx context.Context, c *call, l providers.Linked) error {
	subscription := l.Scope.SubscriptionID()
	if subscription.IsZero() {
		return nil
	}
	tenant, err := p.tenant(ctx, subscription)
	if err != nil || tenant == "" || strings.EqualFold(tenant, c.caller.TenantID) {
		return err
	}
	return rest.LinkedTenantFailed(l.Action, c.match.At().String(), c.caller.TenantID, subscription.Name())
}

// mayRead reports whether the caller may read a resource of its type.
func (p *Pipeline) mayRead(ctx context.Context, c *call, id armid.ID) bool {
	action := id.Type() + "/read"
	if t := p.Registry.Find(id.Type()); t != nil {
		if t.Public {
			return true
		}
		action = t.Permission("read")
	}
	if allowed, _ := p.Authorizer.Check(ctx, c.caller, action, id); allowed {
		return true
	}
	return id.Is(armid.SubscriptionType) && p.sees(ctx, c, id)
}

func (p *Pipeline) sees(ctx context.Context, c *call, scope armid.ID) bool {
	s, ok := p.Authorizer.(Sighted)
	return ok && s.Sees(ctx, c.caller, scope)
}

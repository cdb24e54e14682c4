package pipeline

import (
	"context"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
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

// authorise decides on the call's own action.
func (p *Pipeline) authorise(ctx context.Context, c *call) error {
	action, scope := c.match.Permission(), c.match.At()
	c.entry.Action, c.entry.Scope = action, scope.String()
	reading := c.match.Method == providers.Get || c.match.Method == providers.List
	switch {
	case reading && c.match.Type.Public:
		c.entry.Allowed, c.entry.Reason = true, "open to every caller"
		return nil
	case c.match.Method == providers.List && c.match.Type.ListVisible:
		c.entry.Allowed, c.entry.Reason = true, "shows only what the caller may read"
		return nil
	case c.match.Method == providers.Get && scope.Is(armid.SubscriptionType) && p.sees(ctx, c, scope):
		c.entry.Allowed, c.entry.Reason = true, "has a right below"
		return nil
	}
	c.entry.Allowed, c.entry.Reason = p.Authorizer.Check(ctx, c.caller, action, scope)
	if !c.entry.Allowed {
		return rest.AuthorizationFailed(c.caller.Client(), c.caller.ObjectID, action, scope.String())
	}
	return nil
}

// authoriseLinked decides on the scopes that the request refers to. Azure names
// all scopes of the first action that fails.
func (p *Pipeline) authoriseLinked(ctx context.Context, c *call, linked []providers.Linked) error {
	failed, scopes := "", []string(nil)
	for _, l := range linked {
		if allowed, _ := p.Authorizer.Check(ctx, c.caller, l.Action, l.Scope); allowed {
			continue
		}
		if failed == "" {
			failed = l.Action
		}
		if l.Action == failed {
			scopes = append(scopes, l.Scope.String())
		}
	}
	if failed == "" {
		return nil
	}
	c.entry.Allowed, c.entry.Reason = false, "lacks "+failed
	return rest.LinkedAuthorizationFailed(c.caller.Client(), c.caller.ObjectID, c.match.Permission(), c.match.At().String(), failed, scopes)
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

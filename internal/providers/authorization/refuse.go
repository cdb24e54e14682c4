package authorization

import (
	"context"
	"fmt"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/rbac"
)

// Refuse words the refusal of an action, with Azure's text first and then what to
// do about it.
func (p *Provider) Refuse(ctx context.Context, caller providers.Caller, action string, scope armid.ID) *rest.Error {
	client, at := caller.Client(), scope.String()
	d := p.Decide(caller, action, scope, false)
	if d.Denied != nil {
		return rest.DeniedByAssignment(client, caller.ObjectID, action, at, d.Denied.Name, d.Denied.ID.Name(), d.Denied.Scope.String())
	}
	e := rest.AuthorizationFailed(client, caller.ObjectID, action, at)
	if d.Unmet != nil {
		e = rest.ConditionNotFulfilled(client, caller.ObjectID, action, at)
	}
	e.Message += p.Advice(ctx, caller, action, scope)
	return e
}

// Advice tells how the caller gets the right to an action, as a sentence after a
// blank.
func (p *Provider) Advice(_ context.Context, caller providers.Caller, action string, scope armid.ID) string {
	d := p.Decide(caller, action, scope, false)
	switch {
	case d.Denied != nil:
		return fmt.Sprintf(" The deny assignment '%s' at scope '%s' forbids it, whatever roles are assigned.", d.Denied.Name, d.Denied.Scope)
	case d.Unmet != nil:
		return fmt.Sprintf(" The role assignment '%s' has the action, but its condition isn't fulfilled by this request: %s", d.Unmet.ID, d.Unmet.Condition)
	case d.Pending != nil:
		return fmt.Sprintf(" The role assignment '%s' takes effect at %s.", d.Pending.ID, d.Pending.From.UTC().Format("15:04:05Z"))
	}
	return grantCommand(p.index.Advise(action, false), caller.ObjectID, scope)
}

// grantCommand is the command that would grant a role.
func grantCommand(role *rbac.RoleDefinition, principal string, scope armid.ID) string {
	if role == nil {
		return " No built-in role has this action: define a custom role with 'az role definition create'."
	}
	return fmt.Sprintf(" You can run 'az role assignment create --assignee %s --role \"%s\" --scope %s' to grant the permission.", principal, role.RoleName, scope)
}

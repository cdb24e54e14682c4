package authorization

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/rbac"
	"github.com/lanyard-project/lanyard/internal/rbac/condition"
)

// checkAccess is POST {scope}/providers/Microsoft.Authorization/checkAccess: may
// a principal do this, and why. Everybody may ask about himself; who may read role
// assignments at the scope may ask about others.
func (p *Provider) checkAccess() *providers.Type {
	return &providers.Type{
		Namespace: namespace, Name: "checkAccess", APIVersions: []string{"2018-09-01-preview", "2021-06-01-preview"},
		Levels: providers.AtAnyScope, Verbs: providers.ActionsOnly,
		Actions: []providers.Action{{OnCollection: true, Permission: namespace + "/roleAssignments/read", Open: true, Run: p.runCheckAccess}},
	}
}

// accessQuestion has the shape that the service's own clients send; Attributes and
// an empty Subject are additions.
type accessQuestion struct {
	Subject struct {
		Attributes struct {
			ObjectID string   `json:"ObjectId"`
			Groups   []string `json:"Groups"`
		} `json:"Attributes"`
	} `json:"Subject"`
	Actions []struct {
		ID           string `json:"Id"`
		IsDataAction bool   `json:"IsDataAction"`
		SubOperation string `json:"SubOperation"`
	} `json:"Actions"`
	Resource struct {
		ID string `json:"Id"`
	} `json:"Resource"`
	// Attributes are by source ("Resource", "Request", "Principal"), then by name.
	Attributes map[string]map[string][]string `json:"Attributes"`
}

// accessAnswer is the decision about one action.
type accessAnswer struct {
	ActionID     string         `json:"actionId"`
	IsDataAction bool           `json:"isDataAction"`
	Decision     string         `json:"accessDecision"` // "Allowed", "NotAllowed" or "Denied"
	Assignment   *assignmentRef `json:"roleAssignment,omitempty"`
	Deny         *denyRef       `json:"denyAssignment,omitempty"`
	// Considered are all assignments of the principal at the scope and above it.
	Considered  []considered `json:"considered"`
	Explanation string       `json:"explanation"`
	// Missing is the least role that would allow the action.
	Missing *missingRole `json:"missing,omitempty"`
}

type assignmentRef struct {
	ID       string `json:"id"`
	Scope    string `json:"scope"`
	RoleID   string `json:"roleDefinitionId"`
	RoleName string `json:"roleDefinitionName,omitempty"`
}

type denyRef struct {
	ID    string `json:"id"`
	Name  string `json:"denyAssignmentName"`
	Scope string `json:"scope"`
}

type considered struct {
	assignmentRef
	PrincipalID string `json:"principalId"`
	Outcome     string `json:"outcome"`
}

type missingRole struct {
	RoleName string `json:"roleDefinitionName"`
	RoleID   string `json:"roleDefinitionId"`
	Scope    string `json:"scope"`
}

func (p *Provider) runCheckAccess(ctx context.Context, r *providers.Request) (rest.Response, error) {
	var q accessQuestion
	if err := json.Unmarshal(r.Body, &q); err != nil || len(q.Actions) == 0 {
		return rest.Response{}, rest.InvalidRequestContent("The body names the actions to check: {\"Subject\":{\"Attributes\":{\"ObjectId\":\"…\"}},\"Actions\":[{\"Id\":\"…\"}]}")
	}
	scope := r.Scope
	if q.Resource.ID != "" {
		id, err := armid.Parse(q.Resource.ID)
		if err != nil || !id.Under(r.Scope) {
			return rest.Response{}, rest.InvalidParameter("Resource.Id must be a resource ID at or below the scope of the request.", "Resource.Id")
		}
		scope = id
	}
	who := providers.Caller{TenantID: r.Caller.TenantID, ObjectID: strings.ToLower(q.Subject.Attributes.ObjectID), Groups: q.Subject.Attributes.Groups}
	if who.ObjectID == "" || strings.EqualFold(who.ObjectID, r.Caller.ObjectID) && len(who.Groups) == 0 {
		who = r.Caller
	} else if !p.Decide(r.Caller, namespace+"/roleAssignments/read", scope, false).Allowed {
		return rest.Response{}, p.Refuse(ctx, r.Caller, namespace+"/roleAssignments/read", scope)
	}
	attributes := rbac.AttributeSet{}
	for source, names := range q.Attributes {
		for name, values := range names {
			attributes.Set(condition.Source(source), name, values...)
		}
	}
	answers := make([]accessAnswer, 0, len(q.Actions))
	for _, action := range q.Actions {
		answers = append(answers, p.explain(who, rbac.Query{
			Action: action.ID, Scope: scope, Data: action.IsDataAction, SubOperation: action.SubOperation, Attributes: attributes,
		}))
	}
	return rest.OK(map[string]any{"value": answers}), nil
}

// explain decides a query and tells why.
func (p *Provider) explain(who providers.Caller, q rbac.Query) accessAnswer {
	d := p.DecideWith(who, q)
	q.Principals = p.principals(nil, who)
	q.Attributes = &environment{clock: p.cfg.Clock.Now, more: q.Attributes}
	out := accessAnswer{ActionID: q.Action, IsDataAction: q.Data, Decision: "NotAllowed", Considered: []considered{}}
	for _, c := range p.index.Explain(q) {
		out.Considered = append(out.Considered, considered{assignmentRef: reference(c.Assignment, c.Role), PrincipalID: c.Assignment.PrincipalID, Outcome: c.Outcome})
	}
	switch {
	case d.Allowed:
		ref := reference(d.Assignment, d.Role)
		out.Decision, out.Assignment = "Allowed", &ref
		out.Explanation = fmt.Sprintf("The role '%s', assigned at scope '%s', has the action.", d.Role.RoleName, d.Assignment.Scope)
		return out
	case d.Denied != nil:
		out.Decision, out.Deny = "Denied", &denyRef{d.Denied.ID.String(), d.Denied.Name, d.Denied.Scope.String()}
		out.Explanation = fmt.Sprintf("The deny assignment '%s' at scope '%s' forbids the action, whatever roles are assigned.", d.Denied.Name, d.Denied.Scope)
		return out
	case d.Unmet != nil:
		out.Explanation = fmt.Sprintf("The role assignment '%s' has the action, but its condition isn't fulfilled.", d.Unmet.ID)
	case d.Pending != nil:
		out.Explanation = fmt.Sprintf("The role assignment '%s' has the action, but hasn't propagated yet.", d.Pending.ID)
	case len(out.Considered) == 0:
		out.Explanation = "The principal has no role assignment at the scope or above it."
	case len(out.Considered) == 1:
		out.Explanation = "The principal's one role assignment at the scope or above it doesn't have the action."
	default:
		out.Explanation = fmt.Sprintf("None of the principal's %d role assignments at the scope or above it has the action.", len(out.Considered))
	}
	if role := p.index.Advise(q.Action, q.Data); role != nil {
		out.Missing = &missingRole{role.RoleName, roleID(q.Scope, role.Name).String(), q.Scope.String()}
		out.Explanation += grantCommand(role, who.ObjectID, q.Scope)
	}
	return out
}

func reference(a *rbac.Assignment, role *rbac.RoleDefinition) assignmentRef {
	ref := assignmentRef{ID: a.ID.String(), Scope: a.Scope.String(), RoleID: a.RoleDefinitionID}
	if role != nil {
		ref.RoleName = role.RoleName
	}
	return ref
}

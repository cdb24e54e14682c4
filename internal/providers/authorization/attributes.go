package authorization

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/rbac"
	"github.com/lanyard-project/lanyard/internal/rbac/condition"
)

// environment adds what every request has: the time, and that it came over no
// private link.
type environment struct {
	clock func() time.Time
	more  condition.Attributes
}

func (e *environment) Attribute(source condition.Source, name string) ([]string, bool) {
	if source == condition.Environment {
		switch strings.ToLower(name) {
		case "utcnow":
			return []string{e.clock().UTC().Format(time.RFC3339)}, true
		case "isprivatelink":
			return []string{"false"}, true
		}
	}
	if e.more == nil {
		return nil, false
	}
	return e.more.Attribute(source, name)
}

// assignmentAttributes are what conditions that delegate role assignments ask: of
// the one that is written, and of the one that is there.
func (p *Provider) assignmentAttributes(ctx context.Context, r *providers.Request) rbac.AttributeSet {
	set := rbac.AttributeSet{}
	if r.Body != nil {
		var body struct {
			Properties request `json:"properties"`
		}
		if json.Unmarshal(r.Body, &body) == nil {
			q := body.Properties
			if q.PrincipalType == "" {
				// A failing look-up leaves the type empty, which no condition asks for.
				q.PrincipalType, _ = p.cfg.Principals.PrincipalType(ctx, r.Caller.TenantID, strings.ToLower(q.PrincipalID))
			}
			setAttributes(set, condition.Request, q.RoleDefinitionID, q.PrincipalID, q.PrincipalType)
		}
	}
	if r.Old != nil {
		if props, err := resource.Read[properties](r.Old); err == nil {
			setAttributes(set, condition.Resource, props.RoleDefinitionID, props.PrincipalID, props.PrincipalType)
		}
	}
	return set
}

func setAttributes(set rbac.AttributeSet, source condition.Source, role, principal, kind string) {
	const of = namespace + "/roleAssignments:"
	set.Set(source, of+"RoleDefinitionId", rbac.RoleGUID(role))
	set.Set(source, of+"PrincipalId", strings.ToLower(principal))
	set.Set(source, of+"PrincipalType", kind)
}

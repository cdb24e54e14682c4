package authorization

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/rbac"
	"github.com/lanyard-project/lanyard/internal/rbac/condition"
)

// properties are a role assignment's, all of them shown always: what isn't set
// is null.
type properties struct {
	RoleDefinitionID  string  `json:"roleDefinitionId"`
	PrincipalID       string  `json:"principalId"`
	PrincipalType     string  `json:"principalType"`
	Scope             string  `json:"scope"`
	Condition         *string `json:"condition"`
	ConditionVersion  *string `json:"conditionVersion"`
	CreatedOn         string  `json:"createdOn"`
	UpdatedOn         string  `json:"updatedOn"`
	CreatedBy         *string `json:"createdBy"`
	UpdatedBy         *string `json:"updatedBy"`
	DelegatedIdentity *string `json:"delegatedManagedIdentityResourceId"`
	Description       *string `json:"description"`
}

// principalType returns the canonical spelling of a type that a client may name,
// or "".
func principalType(given string) string {
	for _, known := range []string{"User", "Group", "ServicePrincipal", "ForeignGroup", "Device"} {
		if strings.EqualFold(known, given) {
			return known
		}
	}
	return ""
}

// request is what a client says about an assignment.
type request struct {
	RoleDefinitionID  string  `json:"roleDefinitionId"`
	PrincipalID       string  `json:"principalId"`
	PrincipalType     string  `json:"principalType"`
	Condition         *string `json:"condition"`
	ConditionVersion  *string `json:"conditionVersion"`
	DelegatedIdentity *string `json:"delegatedManagedIdentityResourceId"`
	Description       *string `json:"description"`
}

// readRequest reads and checks what needs no state.
func readRequest(r *resource.Resource) (request, error) {
	if _, err := uuid.Parse(r.ID.Name()); err != nil || len(r.ID.Name()) != 36 {
		return request{}, invalidAssignmentID(r.ID.Name())
	}
	q, err := resource.Read[request](r)
	if err != nil {
		return request{}, badRequestFormat()
	}
	if q.RoleDefinitionID == "" || !guid(q.PrincipalID) {
		return request{}, badRequestFormat()
	}
	role, err := armid.Parse(q.RoleDefinitionID)
	if err != nil || !role.Is(namespace+"/roleDefinitions") || !guid(role.Name()) {
		return request{}, badRequestFormat()
	}
	if q.PrincipalType != "" {
		if q.PrincipalType = principalType(q.PrincipalType); q.PrincipalType == "" {
			return request{}, badRequestFormat()
		}
	}
	return q, q.checkCondition()
}

// checkCondition refuses a condition that can't be read: it would be stored and
// grant nothing.
func (q request) checkCondition() error {
	if text(q.Condition) == "" {
		return nil
	}
	if v := text(q.ConditionVersion); v != "" && v != "2.0" && v != "1.0" {
		return rest.NewError(http.StatusBadRequest, "InvalidConditionVersion", "The specified condition version '"+v+"' is invalid: it is '2.0'.")
	}
	if _, err := condition.Parse(*q.Condition); err != nil {
		return invalidCondition(err)
	}
	return nil
}

func guid(s string) bool { return len(s) == 36 && uuid.Validate(s) == nil }

// complete writes the properties as they are stored and shown.
func (q request) complete(next, old *resource.Resource, by string, now time.Time) error {
	stamp := now.UTC().Format("2006-01-02T15:04:05.0000000Z")
	scope := next.ID.Parent()
	props := properties{
		RoleDefinitionID:  roleID(scope, rbac.RoleGUID(q.RoleDefinitionID)).String(),
		PrincipalID:       strings.ToLower(q.PrincipalID),
		PrincipalType:     q.PrincipalType,
		Scope:             scope.String(),
		Condition:         q.Condition,
		ConditionVersion:  q.ConditionVersion,
		CreatedOn:         stamp,
		UpdatedOn:         stamp,
		UpdatedBy:         &by,
		CreatedBy:         &by,
		DelegatedIdentity: q.DelegatedIdentity,
		Description:       q.Description,
	}
	if old != nil {
		before, err := resource.Read[properties](old)
		if err != nil {
			return err
		}
		props.CreatedOn, props.CreatedBy = before.CreatedOn, before.CreatedBy
	}
	raw, err := json.Marshal(props)
	if err != nil {
		return fmt.Errorf("writing a role assignment: %w", err)
	}
	next.Properties = raw
	return nil
}

// roleID is a role definition's one canonical ID for a scope: clients compare
// the IDs of definitions and assignments as texts.
func roleID(scope armid.ID, guid string) armid.ID {
	at := scope.SubscriptionID()
	if at.IsZero() {
		at = armid.Root()
	}
	return at.Extension(namespace, "roleDefinitions", guid)
}

// claimKey is where the store remembers that a principal has a role at a scope,
// so that a second assignment of the same can be refused whatever its name.
func claimKey(scope armid.ID, roleGUID, principalID string) string {
	return "/lanyard/authorization/claims" + strings.TrimSuffix(scope.Key(), "/") + "/" + strings.ToLower(principalID) + "/" + roleGUID
}

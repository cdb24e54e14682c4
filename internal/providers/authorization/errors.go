package authorization

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/rest"
)

func invalidAssignmentID(name string) *rest.Error {
	return rest.NewError(http.StatusBadRequest, "InvalidRoleAssignmentId",
		fmt.Sprintf("The role assignment ID '%s' is not valid. The role assignment ID must be a GUID.", name))
}

func badRequestFormat() *rest.Error {
	return rest.NewError(http.StatusBadRequest, "BadRequestFormat", "The request was incorrectly formatted.")
}

// undashed is how the service prints GUIDs in its errors.
func undashed(guid string) string { return strings.ReplaceAll(guid, "-", "") }

func roleDoesNotExist(status int, guid string) *rest.Error {
	return rest.NewError(status, "RoleDefinitionDoesNotExist",
		fmt.Sprintf("The specified role definition with ID '%s' does not exist.", undashed(guid)))
}

func principalNotFound(principalID, tenantID string) *rest.Error {
	return rest.NewError(http.StatusBadRequest, "PrincipalNotFound", fmt.Sprintf(
		"Principal %s does not exist in the directory %s. Check that you have the correct principal ID. If you are creating this principal and then immediately assigning a role, this error might be related to a replication delay. In this case, set the role assignment principalType property to a value, such as ServicePrincipal, User, or Group.  See https://aka.ms/docs-principaltype",
		principalID, tenantID))
}

// assignmentExists has the text that az compares; newer services add the ID of
// the other assignment.
func assignmentExists() *rest.Error {
	return rest.NewError(http.StatusConflict, "RoleAssignmentExists", "The role assignment already exists.")
}

func updateNotPermitted() *rest.Error {
	return rest.NewError(http.StatusBadRequest, "RoleAssignmentUpdateNotPermitted",
		"Tenant ID, application ID, principal ID, and scope are not allowed to be updated.")
}

func assignmentLimit() *rest.Error {
	return rest.NewError(http.StatusBadRequest, "RoleAssignmentLimitExceeded",
		"The role assignment limit for the subscription has been reached.")
}

func assignmentNotFound(guid string) *rest.Error {
	return rest.NewError(http.StatusNotFound, "RoleAssignmentNotFound",
		fmt.Sprintf("The role assignment '%s' is not found.", undashed(guid)))
}

func unmatchedPrincipalType(principalID, is, named string) *rest.Error {
	return rest.NewError(http.StatusBadRequest, "UnmatchedPrincipalType", fmt.Sprintf(
		"The PrincipalId '%s' has type '%s', which is different from specified PrincipalType '%s'.", undashed(principalID), is, named))
}

func notAssignable(scope, guid string) *rest.Error {
	return rest.NewError(http.StatusBadRequest, "RoleAssignmentScopeNotAssignableToRoleDefinition", fmt.Sprintf(
		"The scope '%s' is not among the assignable scopes of the role definition with ID '%s'. Add it with 'az role definition update'.", scope, undashed(guid)))
}

func lastAdministrator() *rest.Error {
	return rest.NewError(http.StatusBadRequest, "CannotDeleteLastRbacAdminAssignment",
		"Cannot delete the last RBAC admin assignment. Assign Owner, User Access Administrator or Role Based Access Control Administrator at the subscription to somebody else first.")
}

func invalidCondition(cause error) *rest.Error {
	return rest.NewError(http.StatusBadRequest, "InvalidCondition", fmt.Sprintf("The specified condition is invalid: %v.", cause))
}

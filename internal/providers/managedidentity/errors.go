package managedidentity

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
)

func duplicateIdentity(id string) *rest.Error {
	return rest.InvalidParameter(
		fmt.Sprintf("ResourceIdentity identityId '%s' cannot be duplicated in the provided identityIds list.", id), "resourceIdentity.identityIds")
}

func invalidIdentityID(id string) *rest.Error {
	return rest.NewError(http.StatusBadRequest, "InvalidIdentityId", fmt.Sprintf(
		"The identity id '%s' is invalid. Expect the resource id of a user assigned identity: '/subscriptions/{subscriptionId}/resourceGroups/{resourceGroup}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}'.", id)).
		WithTarget("resourceIdentity.identityIds")
}

func invalidIdentityType(given string) *rest.Error {
	return rest.InvalidParameter(fmt.Sprintf(
		"ResourceIdentity Type '%s' is invalid. Allowed values are 'None', 'SystemAssigned', 'UserAssigned' and 'SystemAssigned, UserAssigned'.", given), "resourceIdentity.type")
}

// identityTypeMismatch answers identities without a type that has them, and such
// a type without identities: what removes the last one has to change the type.
func identityTypeMismatch(given string) *rest.Error {
	return rest.InvalidParameter(fmt.Sprintf(
		"ResourceIdentity Type '%s' doesn't fit the provided identityIds list: user assigned identities are required with, and only allowed with, a type that includes 'UserAssigned'. To remove all of them set the type to 'None' or 'SystemAssigned'.", given), "resourceIdentity.type")
}

func foreignPrincipal(given, existing string) *rest.Error {
	return rest.NewError(http.StatusBadRequest, "InvalidIdentityValues", fmt.Sprintf(
		"The principalId '%s' on the resource's Identity property is invalid and must be empty or match the existing principalId of '%s'.", given, existing))
}

// failedIdentityOperation has the identity service's answer inside its text.
func failedIdentityOperation(of, identity armid.ID) *rest.Error {
	inner, err := json.Marshal(rest.NewError(http.StatusBadRequest, "BadRequest", fmt.Sprintf("Resource '%s' was not found.", identity)))
	if err != nil {
		inner = []byte("{}") // unreachable: two texts always encode
	}
	return rest.NewError(http.StatusBadRequest, "FailedIdentityOperation", fmt.Sprintf(
		"Identity operation for resource '%s' failed with error 'Failed to perform resource identity operation. Status: 'BadRequest'. Response: '%s'.'.", of, inner))
}

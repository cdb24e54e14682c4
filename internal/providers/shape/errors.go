package shape

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
)

// invalidReference answers a reference to what doesn't exist, in the words of
// the network provider.
func invalidReference(target, by armid.ID) *rest.Error {
	return rest.NewError(http.StatusBadRequest, "InvalidResourceReference", fmt.Sprintf(
		"Resource %s referenced by resource %s was not found. Please make sure that the referenced resource exists, and that both resources are in the same region.", target, by))
}

func wrongReference(value, at, want string) *rest.Error {
	return rest.NewError(http.StatusBadRequest, "InvalidResourceReference", fmt.Sprintf(
		"The resource '%s' at path '%s' is of another type than '%s'.", value, at, want)).WithTarget(at)
}

func missingProperty(id armid.ID, path string) *rest.Error {
	return rest.NewError(http.StatusBadRequest, "MissingRequiredParameter", fmt.Sprintf(
		"Required parameter 'properties.%s' of resource %s is missing (null).", path, id)).WithTarget("properties." + path)
}

func invalidChoice(id armid.ID, at, value string, allowed []string) *rest.Error {
	return rest.NewError(http.StatusBadRequest, "InvalidParameterValue", fmt.Sprintf(
		"The value '%s' of '%s' in resource %s is not valid. Allowed values are: %s.", value, at, id, strings.Join(allowed, ", "))).WithTarget(at)
}

func outOfRange(id armid.ID, path string, value any, limits [2]int) *rest.Error {
	return rest.NewError(http.StatusBadRequest, "InvalidParameterValue", fmt.Sprintf(
		"The value '%v' of 'properties.%s' in resource %s is not valid. It must be a whole number between %d and %d.", value, path, id, limits[0], limits[1])).
		WithTarget("properties." + path)
}

func changedProperty(id armid.ID, path string) *rest.Error {
	return rest.NewError(http.StatusConflict, "PropertyChangeNotAllowed", fmt.Sprintf(
		"Changing property 'properties.%s' of resource %s is not allowed. Delete the resource and create it anew.", path, id)).WithTarget("properties." + path)
}

func duplicatePart(id armid.ID, member, name string) *rest.Error {
	return rest.NewError(http.StatusBadRequest, "InvalidRequestFormat", fmt.Sprintf(
		"Cannot parse the request. Resource %s has '%s' more than once in properties.%s.", id, name, member))
}

func nestedExist(id armid.ID) *rest.Error {
	return rest.NewError(http.StatusConflict, "CannotDeleteResource", fmt.Sprintf(
		"Can not delete resource before nested resources are deleted. Resource: %s.", id))
}

package rest

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// The errors that any ARM call may meet, with Azure's codes and texts.

// InternalServerError is a failure of ours. The cause is in the log, under the request's ID.
func InternalServerError() *Error {
	return NewError(http.StatusInternalServerError, "InternalServerError",
		"The server encountered an internal error. Please retry the request. If the problem persists, look for the request id in the server's log.")
}

// InsufficientStorage refuses a write that doesn't fit; Azure has no counterpart.
func InsufficientStorage() *Error {
	return NewError(http.StatusInsufficientStorage, "InsufficientStorage",
		"The database of the service is full, so nothing can be written. Delete resources, resource groups or clusters that are not needed; writes are accepted again within a minute after that.")
}

// MissingAPIVersion answers a call without ?api-version=.
func MissingAPIVersion() *Error {
	return NewError(http.StatusBadRequest, "MissingApiVersionParameter",
		"The api-version query parameter (?api-version=) is required for all requests.")
}

// InvalidAPIVersion answers an api-version that no type of ARM's own knows.
func InvalidAPIVersion(version string, supported []string) *Error {
	return NewError(http.StatusBadRequest, "InvalidApiVersionParameter",
		fmt.Sprintf("The api-version '%s' is invalid. The supported versions are '%s'.", version, strings.Join(supported, ",")))
}

// NoRegisteredProvider answers an api-version that a provider's type doesn't have.
func NoRegisteredProvider(location, version, typ string, supported, locations []string) *Error {
	return NewError(http.StatusBadRequest, "NoRegisteredProviderFound", fmt.Sprintf(
		"No registered resource provider found for location '%s' and API version '%s' for type '%s'. The supported api-versions are '%s'. The supported locations are '%s'.",
		location, version, typ, strings.Join(supported, ", "), strings.Join(locations, ", ")))
}

// InvalidResourceType answers a type that its namespace doesn't have.
func InvalidResourceType(namespace, version string) *Error {
	return NewError(http.StatusNotFound, "InvalidResourceType", fmt.Sprintf(
		"The resource type could not be found in the namespace '%s' for api version '%s'.", namespace, version))
}

// InvalidResourceNamespace answers a namespace that nobody serves.
func InvalidResourceNamespace(namespace string) *Error {
	return NewError(http.StatusNotFound, "InvalidResourceNamespace",
		fmt.Sprintf("The resource namespace '%s' is invalid.", namespace))
}

// MissingSubscriptionRegistration answers a write to a namespace that the
// subscription isn't registered for; SDKs register it and try again.
func MissingSubscriptionRegistration(namespace string) *Error {
	message := fmt.Sprintf("The subscription is not registered to use namespace '%s'. See https://aka.ms/rps-not-found for how to register subscriptions.", namespace)
	return &Error{Status: http.StatusConflict, Code: "MissingSubscriptionRegistration", Message: message,
		Details: []Error{{Code: "MissingSubscriptionRegistration", Target: namespace, Message: message}}}
}

// SubscriptionNotFound answers an unknown subscription.
func SubscriptionNotFound(subscription string) *Error {
	return NewError(http.StatusNotFound, "SubscriptionNotFound",
		fmt.Sprintf("The subscription '%s' could not be found.", subscription))
}

// ResourceGroupNotFound answers an unknown resource group.
func ResourceGroupNotFound(group string) *Error {
	return NewError(http.StatusNotFound, "ResourceGroupNotFound",
		fmt.Sprintf("Resource group '%s' could not be found.", group))
}

// ResourceGroupBeingDeleted answers writes into a group that is going away.
func ResourceGroupBeingDeleted(group string) *Error {
	return NewError(http.StatusConflict, "ResourceGroupBeingDeleted",
		fmt.Sprintf("The resource group '%s' is in deprovisioning state and cannot perform this operation.", group))
}

// ResourceNotFound answers an unknown resource. path is the type and names
// ("Microsoft.Network/virtualNetworks/v/subnets/s"), group may be empty.
func ResourceNotFound(path, group string) *Error {
	where := " under resource group '" + group + "'"
	if group == "" {
		where = ""
	}
	return NewError(http.StatusNotFound, "ResourceNotFound", fmt.Sprintf(
		"The Resource '%s'%s was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix", path, where))
}

// ParentResourceNotFound answers a child whose parent doesn't exist.
func ParentResourceNotFound(path string) *Error {
	return NewError(http.StatusNotFound, "ParentResourceNotFound",
		fmt.Sprintf("Can not perform requested operation on nested resource. Parent resource '%s' not found.", path))
}

// InvalidRequestContent answers a body that can't be read.
func InvalidRequestContent(reason string) *Error {
	return NewError(http.StatusBadRequest, "InvalidRequestContent",
		fmt.Sprintf("The request content was invalid and could not be deserialized: '%s'.", reason))
}

// LocationRequired answers the creation of a tracked resource without a location.
func LocationRequired() *Error {
	return NewError(http.StatusBadRequest, "LocationRequired", "The location property is required for this definition.")
}

// LocationNotAvailable answers an unknown location.
func LocationNotAvailable(location, typ string, available []string) *Error {
	return NewError(http.StatusBadRequest, "LocationNotAvailableForResourceType", fmt.Sprintf(
		"The provided location '%s' is not available for resource type '%s'. List of available regions for the resource type is '%s'.",
		location, typ, strings.Join(available, ",")))
}

// InvalidResourceLocation answers a write that would move a resource.
func InvalidResourceLocation(name, current, group, wanted string) *Error {
	return NewError(http.StatusConflict, "InvalidResourceLocation", fmt.Sprintf(
		"The resource '%s' already exists in location '%s' in resource group '%s'. A resource with the same name cannot be created in location '%s'. Please select a new resource name.",
		name, current, group, wanted))
}

// InvalidResourceGroupLocation answers a write that would move a resource group.
func InvalidResourceGroupLocation(current, wanted string) *Error {
	return NewError(http.StatusConflict, "InvalidResourceGroupLocation", fmt.Sprintf(
		"Invalid resource group location '%s'. The Resource group already exists in location '%s'.", wanted, current))
}

// InvalidResourceName answers a name that breaks its type's rules.
func InvalidResourceName(name, rule string) *Error {
	return NewError(http.StatusBadRequest, "InvalidResourceName",
		fmt.Sprintf("Resource name %s is invalid. %s", name, rule))
}

// ScopeLocked answers a write or delete that locks forbid.
func ScopeLocked(scope, operation string, locked []string) *Error {
	return NewError(http.StatusConflict, "ScopeLocked", fmt.Sprintf(
		"The scope '%s' cannot perform %s operation because following scope(s) are locked: '%s'. Please remove the lock and try again.",
		scope, operation, strings.Join(locked, ",")))
}

// LinkedInvalidPropertyID answers a property that should be a resource ID and isn't.
func LinkedInvalidPropertyID(value, path string) *Error {
	return NewError(http.StatusBadRequest, "LinkedInvalidPropertyId", fmt.Sprintf(
		"Property id '%s' at path '%s' is invalid. Expect fully qualified resource Id that start with '/subscriptions/{subscriptionId}' or '/providers/{resourceProviderNamespace}/'.",
		value, path))
}

// InvalidParameter answers a property with a value that its type doesn't allow.
func InvalidParameter(message, target string) *Error {
	return NewError(http.StatusBadRequest, "InvalidParameter", message).WithTarget(target)
}

// MethodNotAllowed answers a verb that a type doesn't serve.
func MethodNotAllowed(method string) *Error {
	return NewError(http.StatusMethodNotAllowed, "MethodNotAllowed",
		fmt.Sprintf("The requested resource does not support http method '%s'.", method))
}

// UnsupportedMediaType answers a body that isn't JSON.
func UnsupportedMediaType(mediaType string) *Error {
	return NewError(http.StatusUnsupportedMediaType, "UnsupportedMediaType",
		fmt.Sprintf("The content media type '%s' is not supported. Only 'application/json' is supported.", mediaType))
}

// RequestTooLarge answers a body beyond the limit.
func RequestTooLarge(limit int64) *Error {
	return NewError(http.StatusRequestEntityTooLarge, "RequestContentTooLarge", fmt.Sprintf(
		"The request content size exceeds the maximum size of %d bytes.", limit))
}

// PreconditionFailed answers If-Match or If-None-Match that doesn't hold.
func PreconditionFailed(id string) *Error {
	return NewError(http.StatusPreconditionFailed, "PreconditionFailed", fmt.Sprintf(
		"The condition specified by the ETag is not satisfied: the resource '%s' was changed meanwhile or isn't in the expected state.", id))
}

// AnotherOperationInProgress answers a write while a long-running one is under way.
func AnotherOperationInProgress(id, operation string) *Error {
	return NewError(http.StatusConflict, "AnotherOperationInProgress", fmt.Sprintf(
		"Another operation on this or dependent resource is in progress. To retrieve status of the operation use uri: %s. Resource: '%s'.", operation, id))
}

// Conflict answers a write that lost against another one again and again.
func Conflict(id string) *Error {
	return NewError(http.StatusConflict, "Conflict",
		fmt.Sprintf("The resource '%s' was modified by another request at the same time. Please retry.", id))
}

// TooManyRequests answers a caller that has used up its hour.
func TooManyRequests(subscription, operation string, wait time.Duration) *Error {
	e := NewError(http.StatusTooManyRequests, "SubscriptionRequestsThrottled", fmt.Sprintf(
		"Number of requests for subscription '%s' and operation '%s' exceeded the backend storage limit. Please try again after '%s' seconds.",
		subscription, operation, RetryAfter(wait)))
	e.RetryAfter = wait
	return e
}

// InvalidFilter answers a $filter that can't be understood.
func InvalidFilter(filter string) *Error {
	return NewError(http.StatusBadRequest, "InvalidFilterInQueryString",
		fmt.Sprintf("Invalid $filter '%s' specified in the query string.", filter))
}

// InvalidSkipToken answers a $skiptoken that this query didn't give out.
func InvalidSkipToken() *Error {
	return NewError(http.StatusBadRequest, "InvalidSkipToken", "The specified $skiptoken is invalid.")
}

// InvalidTop answers a $top that is no positive number.
func InvalidTop(top string) *Error {
	return NewError(http.StatusBadRequest, "InvalidTopInQueryString",
		fmt.Sprintf("Invalid $top '%s' specified in the query string.", top))
}

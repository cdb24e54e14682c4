package rest

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// The refusals: who are you, and may you.

// The audiences that ARM's tokens may have, as its error lists them.
const armAudiences = "'https://management.core.windows.net/','https://management.core.windows.net','https://management.azure.com/','https://management.azure.com'"

// MissingAuthorization answers a call without a bearer token. authority is the
// tenant's sign-in URL, where SDKs and Terraform learn the tenant from.
func MissingAuthorization(authority string) *Error {
	return NewError(http.StatusUnauthorized, "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing.").
		WithHeader("WWW-Authenticate", challenge(authority, "The authentication failed because of missing 'Authorization' header."))
}

// InvalidToken answers a token that can't be verified.
func InvalidToken(authority string) *Error {
	return NewError(http.StatusUnauthorized, "InvalidAuthenticationToken", "The access token is invalid.").
		WithHeader("WWW-Authenticate", challenge(authority, "The access token is invalid."))
}

// RevokedToken answers a token that was good once and isn't any more. The rest of its
// challenge, tokens.InsufficientClaims, makes clients get a new one.
func RevokedToken(authority, more string) *Error {
	return NewError(http.StatusUnauthorized, "InvalidAuthenticationToken",
		"Continuous access evaluation resulted in challenge with result: InteractionRequired and code: TokenIssuedBeforeRevocationTimestamp. The key that signed the access token is out of use: get a new token.").
		WithHeader("WWW-Authenticate", fmt.Sprintf(`Bearer realm="", authorization_uri="%s/oauth2/authorize", %s`, authority, more))
}

// ExpiredToken answers a token past its time.
func ExpiredToken(authority string, expired, now time.Time) *Error {
	const layout = "1/2/2006 3:04:05 PM"
	message := fmt.Sprintf("The access token expiry UTC time '%s' is earlier than current UTC time '%s'.",
		expired.UTC().Format(layout), now.UTC().Format(layout))
	return NewError(http.StatusUnauthorized, "ExpiredAuthenticationToken", message).
		WithHeader("WWW-Authenticate", challenge(authority, "The access token expired."))
}

// WrongTenantToken answers a token of another tenant than the subscription's.
func WrongTenantToken(authority, issuer, wantIssuer string) *Error {
	message := fmt.Sprintf("The access token is from the wrong issuer '%s'. It must match the tenant '%s' associated with this subscription. Please use the authority (URL) '%s' to get the token. Note, if the subscription is transferred to another tenant there is no impact to the services, but information about new tenant could take time to propagate (up to an hour). If you just transferred your subscription and see this error message, please try back later.",
		issuer, wantIssuer, authority)
	return NewError(http.StatusUnauthorized, "InvalidAuthenticationTokenTenant", message).
		WithHeader("WWW-Authenticate", challenge(authority, "The access token is from the wrong issuer."))
}

// WrongAudienceToken answers a token made for somebody else.
func WrongAudienceToken(authority, audience string) *Error {
	message := fmt.Sprintf("The access token has been obtained for wrong audience or resource '%s'. It should exactly match with one of the allowed audiences %s.",
		audience, armAudiences)
	return NewError(http.StatusUnauthorized, "InvalidAuthenticationTokenAudience", message).
		WithHeader("WWW-Authenticate", challenge(authority, "The access token has been obtained for wrong audience."))
}

func challenge(authority, description string) string {
	return fmt.Sprintf(`Bearer authorization_uri="%s", error="invalid_token", error_description="%s"`, authority, description)
}

// AuthorizationFailed answers a caller who has no right to the action. client is
// its application ID or user name.
func AuthorizationFailed(client, objectID, action, scope string) *Error {
	return NewError(http.StatusForbidden, "AuthorizationFailed", fmt.Sprintf(
		"The client '%s' with object id '%s' does not have authorization to perform action '%s' over scope '%s' or the scope is invalid. If access was recently granted, please refresh your credentials.",
		client, objectID, action, scope))
}

// ConditionNotFulfilled answers a caller whose role assignment has the action, but
// under a condition.
func ConditionNotFulfilled(client, objectID, action, scope string) *Error {
	return NewError(http.StatusForbidden, "AuthorizationFailed", fmt.Sprintf(
		"The client '%s' with object id '%s' does not have authorization or an ABAC condition not fulfilled to perform action '%s' over scope '%s' or the scope is invalid. If access was recently granted, please refresh your credentials.",
		client, objectID, action, scope))
}

// DeniedByAssignment answers a caller whom a deny assignment forbids the action.
func DeniedByAssignment(client, objectID, action, scope, name, id, at string) *Error {
	return NewError(http.StatusForbidden, "DenyAssignmentAuthorizationFailed", fmt.Sprintf(
		"The client '%s' with object id '%s' has permission to perform action '%s' on scope '%s'; however, the access is denied because of the deny assignment with name '%s' and Id '%s' at scope '%s'.",
		client, objectID, action, scope, name, id, at))
}

// LinkedAuthorizationFailed answers a caller who may write the resource but not
// use what the resource refers to.
func LinkedAuthorizationFailed(client, objectID, action, scope, linkedAction string, linkedScopes []string) *Error {
	return NewError(http.StatusForbidden, "LinkedAuthorizationFailed", fmt.Sprintf(
		"The client '%s' with object id '%s' has permission to perform action '%s' on scope '%s'; however, it does not have permission to perform action '%s' on the linked scope(s) '%s' or the linked scope(s) are invalid.",
		client, objectID, action, scope, linkedAction, strings.Join(linkedScopes, ",")))
}

// LinkedTenantFailed answers a caller whose resource refers to one of a
// subscription that trusts another tenant than the caller's.
func LinkedTenantFailed(linkedAction, scope, tenantID, linkedSubscription string) *Error {
	return NewError(http.StatusForbidden, "LinkedAuthorizationFailed", fmt.Sprintf(
		"The client has permission to perform action '%s' on scope '%s', however the current tenant '%s' is not authorized to access linked subscription '%s'.",
		linkedAction, scope, tenantID, linkedSubscription))
}

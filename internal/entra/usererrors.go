package entra

import (
	"net/http"
	"time"
)

const invalidGrant = "invalid_grant"

func clientIsPublic() *Error {
	return refuse(http.StatusUnauthorized, invalidClient, 700025, "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.")
}

func clientIsConfidential(clientID string) *Error {
	return refuse(http.StatusUnauthorized, invalidClient, 7000218, "The request body must contain the following parameter: 'client_assertion' or 'client_secret'. Application '%s' isn't registered as a public client (isFallbackPublicClient).", short(clientID))
}

func passwordWrong() *Error {
	return refuse(http.StatusBadRequest, invalidGrant, 50126, "Error validating credentials due to invalid username or password.")
}

func userUnknown(name, tenant string) *Error {
	return refuse(http.StatusBadRequest, invalidGrant, 50034, "The user account %s does not exist in the %s directory. To sign into this application, the account must be added to the directory.", short(name), short(tenant))
}

func userDisabled() *Error {
	return refuse(http.StatusBadRequest, invalidGrant, 50057, "The user account is disabled.")
}

func userLocked() *Error {
	return refuse(http.StatusBadRequest, invalidGrant, 50053, "You've tried to sign in too many times with an incorrect user ID or password. Wait a minute and try again.")
}

func grantInvalid() *Error {
	return refuse(http.StatusBadRequest, invalidGrant, 9002313, "Invalid request. Request is malformed or invalid.")
}

func grantRevoked() *Error {
	return refuse(http.StatusBadRequest, invalidGrant, 50173, "The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might have changed or reset their password.")
}

func refreshExpired(issued time.Time, lifetime time.Duration) *Error {
	return refuse(http.StatusBadRequest, invalidGrant, 700082, "The refresh token has expired due to inactivity. The token was issued on %s and was inactive for %s.", issued.UTC().Format(time.RFC3339), lifetime)
}

func codeExpired() *Error {
	return refuse(http.StatusBadRequest, invalidGrant, 70008, "The provided authorization code or refresh token has expired due to inactivity. Send a new interactive authorization request for this user and resource.")
}

func codeRedeemed() *Error {
	return refuse(http.StatusBadRequest, invalidGrant, 54005, "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token.")
}

func proofKeyMissing() *Error {
	return refuse(http.StatusBadRequest, invalidRequest, 9002325, "Proof Key for Code Exchange is required: send code_challenge with code_challenge_method S256, and code_verifier with the code.")
}

func proofKeyWrong() *Error {
	return refuse(http.StatusBadRequest, invalidGrant, 501481, "The Code_Verifier does not match the code_challenge supplied in the authorization request.")
}

func redirectUnknown(redirect, clientID string) *Error {
	return refuse(http.StatusBadRequest, invalidRequest, 50011, "The redirect URI '%s' specified in the request does not match the redirect URIs configured for the application '%s'. Public clients may use http://localhost with any port.", short(redirect), clientID)
}

func responseTypeUnsupported(kind string) *Error {
	return refuse(http.StatusBadRequest, "unsupported_response_type", 700054, "response_type '%s' is not enabled for the application: use 'code'.", short(kind))
}

func interactionRequired() *Error {
	return refuse(http.StatusBadRequest, "login_required", 50058, "A silent sign-in request was sent but no user is signed in.")
}

func devicePending() *Error {
	return refuse(http.StatusBadRequest, "authorization_pending", 70016, "OAuth 2.0 device flow error. Authorization is pending. Continue polling.")
}

func deviceDeclined() *Error {
	return refuse(http.StatusBadRequest, "authorization_declined", 70018, "Invalid verification code due to User typing in wrong user code for device code flow or declining the sign-in.")
}

func deviceExpired() *Error {
	return refuse(http.StatusBadRequest, "expired_token", 70020, "The provided value for the input parameter 'device_code' is not valid. This device code has expired.")
}

func deviceUnknown() *Error {
	return refuse(http.StatusBadRequest, invalidGrant, 70019, "The code isn't one that a device shows now. Check it, or start again on the device.")
}

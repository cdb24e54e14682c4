package entra

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Error is a refusal with Entra's code for it.
type Error struct {
	Status  int
	OAuth   string // RFC 6749's error
	Code    int    // AADSTS
	Message string
	// page says that Entra has a page on the code, which its answer then links to.
	page bool
}

func (e *Error) Error() string { return fmt.Sprintf("%s: AADSTS%d: %s", e.OAuth, e.Code, e.Message) }

const (
	invalidRequest      = "invalid_request"
	invalidClient       = "invalid_client"
	invalidScope        = "invalid_scope"
	invalidResource     = "invalid_resource"
	invalidTenant       = "invalid_tenant"
	invalidInstance     = "invalid_instance"
	unauthorizedClient  = "unauthorized_client"
	unsupportedGrant    = "unsupported_grant_type"
	temporarilyOverload = "temporarily_unavailable"
)

func refuse(status int, oauth string, code int, format string, args ...any) *Error {
	return &Error{Status: status, OAuth: oauth, Code: code, Message: fmt.Sprintf(format, args...), page: true}
}

// short cuts what a client sent before it is told back.
func short(text string) string {
	const most = 256
	text = strings.ToValidUTF8(text, "")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

func tenantNotFound(oauth, tenant string) *Error {
	return refuse(http.StatusBadRequest, oauth, 90002, "Tenant '%s' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant.", short(tenant))
}

func tenantMalformed(oauth, tenant string) *Error {
	return refuse(http.StatusBadRequest, oauth, 900023, "Specified tenant identifier '%s' is neither a valid DNS name, nor a valid external domain.", short(tenant))
}

func tenantMissing() *Error {
	return refuse(http.StatusBadRequest, invalidRequest, 50059, "No tenant-identifying information found in either the request or implied by any provided credentials.")
}

func parameterMissing(name string) *Error {
	return refuse(http.StatusBadRequest, invalidRequest, 900144, "The request body must contain the following parameter: '%s'.", name)
}

func parameterTwice(name string) *Error {
	return refuse(http.StatusBadRequest, invalidRequest, 9000411, "The request is not properly formatted. The parameter '%s' is duplicated.", short(name))
}

func onlyPOST(method string) *Error {
	return refuse(http.StatusMethodNotAllowed, invalidRequest, 900561, "The endpoint only accepts POST requests. Received a %s request.", short(method))
}

func malformed() *Error {
	return refuse(http.StatusBadRequest, invalidRequest, 9002313, "Invalid request. Request is malformed or invalid.")
}

func grantUnsupported(grant string) *Error {
	e := refuse(http.StatusBadRequest, unsupportedGrant, 70003, "The app requested an unsupported grant type '%s'.", short(grant))
	e.page = false
	return e
}

func clientUnknown(clientID, tenant string) *Error {
	return refuse(http.StatusBadRequest, unauthorizedClient, 700016, "Application with identifier '%s' was not found in the directory '%s'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant.", short(clientID), short(tenant))
}

func clientNoID(clientID string) *Error {
	e := refuse(http.StatusBadRequest, unauthorizedClient, 700038, "%s is not a valid application identifier.", short(clientID))
	e.page = false
	return e
}

func clientDisabled(clientID, name string) *Error {
	return refuse(http.StatusBadRequest, unauthorizedClient, 7000112, "Application '%s'(%s) is disabled.", clientID, name)
}

func secretWrong(clientID string) *Error {
	return refuse(http.StatusUnauthorized, invalidClient, 7000215, "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '%s'.", clientID)
}

func secretExpired(clientID string) *Error {
	return refuse(http.StatusUnauthorized, invalidClient, 7000222, "The provided client secret keys for app '%s' are expired. Visit the Azure portal to create new keys for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: https://aka.ms/certCreds.", clientID)
}

func credentialMissing() *Error {
	return refuse(http.StatusUnauthorized, invalidClient, 7000218, "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.")
}

func assertionMalformed() *Error {
	return refuse(http.StatusBadRequest, invalidRequest, 50027, "JWT token is invalid or malformed.")
}

func assertionKeyUnknown(clientID, thumbprint string) *Error {
	return refuse(http.StatusUnauthorized, invalidClient, 700027, "Client assertion contains an invalid signature. [Reason - The key was not found., Thumbprint of key used by client: '%s', Please visit the Azure Portal, Graph Explorer or directly use MS Graph to see configured keys for app Id '%s'. Review the documentation at https://docs.microsoft.com/en-us/graph/deployments to determine the corresponding service endpoint and https://docs.microsoft.com/en-us/graph/api/application-get?view=graph-rest-1.0&tabs=http to build a query request URL, such as 'https://graph.microsoft.com/beta/applications/%s'].", short(thumbprint), clientID, clientID)
}

func assertionForged(clientID, thumbprint string) *Error {
	return refuse(http.StatusUnauthorized, invalidClient, 700027, "Client assertion contains an invalid signature. [Reason - The provided signature value did not match the expected signature value., Thumbprint of key used by client: '%s', Please visit the Azure Portal, Graph Explorer or directly use MS Graph to see configured keys for app Id '%s'.].", short(thumbprint), clientID)
}

func assertionOutOfTime(now, from, until time.Time) *Error {
	const layout = "2006-01-02T15:04:05.0000000Z"
	return refuse(http.StatusUnauthorized, invalidClient, 700024, "Client assertion is not within its valid time range. Current time: %s, assertion valid from %s, expiry time of assertion %s. Review the documentation at https://docs.microsoft.com/azure/active-directory/develop/active-directory-certificate-credentials .", now.UTC().Format(layout), from.UTC().Format(layout), until.UTC().Format(layout))
}

func assertionAudience(audience string) *Error {
	return refuse(http.StatusUnauthorized, invalidClient, 700023, "Client assertion audience claim does not match Realm issuer. Review the documentation at https://docs.microsoft.com/azure/active-directory/develop/active-directory-certificate-credentials . The assertion's audience is '%s'.", short(audience))
}

func assertionClient() *Error {
	return refuse(http.StatusUnauthorized, invalidClient, 700021, "Client assertion application identifier doesn't match 'client_id' parameter. Review the documentation at https://docs.microsoft.com/azure/active-directory/develop/active-directory-certificate-credentials .")
}

func assertionReplayed() *Error {
	return refuse(http.StatusUnauthorized, invalidClient, 50012, "Authentication failed. The client assertion was used before.")
}

// codeFederatedIssuer is how the nearest miss is told from none at all.
const codeFederatedIssuer = 700211

const federationPage = "https://docs.microsoft.com/en-us/azure/active-directory/develop/workload-identity-federation"

func federatedIssuer(issuer string) *Error {
	return refuse(http.StatusUnauthorized, invalidClient, codeFederatedIssuer, "No matching federated identity record found for presented assertion issuer '%s'. Please check your federated identity credential Subject, Audience and Issuer against the presented assertion. "+federationPage, short(issuer))
}

func federatedSubject(subject string) *Error {
	return refuse(http.StatusUnauthorized, invalidClient, 700213, "No matching federated identity record found for presented assertion subject '%s'. Check your federated identity credential Subject, Audience and Issuer against the presented assertion. https://learn.microsoft.com/entra/workload-id/workload-identity-federation", short(subject))
}

func federatedAudience(audience string) *Error {
	return refuse(http.StatusUnauthorized, invalidClient, 700212, "No matching federated identity record found for presented assertion audience '%s'. Please check your federated identity credential Subject, Audience and Issuer against the presented assertion. "+federationPage, short(audience))
}

func federatedKeyUnknown(keyID, issuer string) *Error {
	return refuse(http.StatusUnauthorized, invalidClient, 7000272, "The certificate with identifier %s used to sign the federated credential could not be found in the metadata of identity provider %s. Please validate that your Identity Provider's metadata exposes the key used to sign the incoming token.", short(keyID), short(issuer))
}

func federatedForged(keyID string) *Error {
	return refuse(http.StatusUnauthorized, invalidClient, 700027, "Client assertion contains an invalid signature. [Reason - The provided signature value did not match the expected signature value by algorithm RS256., Identifier of key used by client: '%s'].", short(keyID))
}

// issuerFailed doesn't say why: a client must not learn from us what a network
// answers. The log has it.
func issuerFailed() *Error {
	return refuse(http.StatusBadRequest, invalidRequest, 50166, "Request to External OIDC endpoint failed.")
}

func resourceUnknown(resource, tenant string) *Error {
	return refuse(http.StatusBadRequest, invalidResource, 500011, "The resource principal named %s was not found in the tenant named %s. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You might have sent your authentication request to the wrong tenant.", short(resource), tenant)
}

func resourceNotForV2() *Error {
	return refuse(http.StatusBadRequest, invalidRequest, 901002, "The 'resource' request parameter isn't supported.")
}

func scopeInvalid(scope string) *Error {
	return refuse(http.StatusBadRequest, invalidScope, 70011, "The provided value for the input parameter 'scope' is not valid. The scope %s is not valid.", short(scope))
}

func scopeWithoutDefault(scope string) *Error {
	return refuse(http.StatusBadRequest, invalidScope, 1002012, "The provided value for scope %s is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).", short(scope))
}

func scopeOfSeveral(scope string) *Error {
	return refuse(http.StatusBadRequest, invalidScope, 28002, "Provided value for the input parameter scope '%s' is not valid when requesting an access token. Please specify a valid scope.", short(scope))
}

func instanceUnknown() *Error {
	return refuse(http.StatusBadRequest, invalidInstance, 50049, "Unknown or invalid instance.")
}

// unavailable hides what went wrong inside: the log has it.
func unavailable() *Error {
	return refuse(http.StatusServiceUnavailable, temporarilyOverload, 90033, "A transient error has occurred. Please try again.")
}

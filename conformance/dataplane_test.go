package conformance

import (
	"crypto/tls"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/authorization/armauthorization/v2"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/resources/armresources/v4"
	"github.com/google/uuid"
)

// The roles of seed 001's examples, and those beside them.
const (
	blobReader      = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
	blobContributor = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
	busSender       = "69a216fc-b8fb-44d8-bc22-1f3c2cd27a39"
	busReceiver     = "4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0"
	contributor     = "b24988ac-6180-42a0-ab88-20f7382dd24c"
)

// tunnel is the transport of a program on this machine that is set to use the cloud as its proxy: the names of accounts
// and namespaces lead there without the machine's resolver knowing them.
func tunnel(t *testing.T) *http.Client {
	t.Helper()
	own, ok := cloud.http.Transport.(*http.Transport)
	if !ok {
		t.Fatal("the client has another transport")
	}
	proxy := must[*url.URL](t, "reading the origin")(url.Parse(strings.Replace(cloud.Origin, "https:", "http:", 1)))
	return &http.Client{Transport: &http.Transport{
		Proxy: http.ProxyURL(proxy), TLSClientConfig: &tls.Config{RootCAs: own.TLSClientConfig.RootCAs, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true,
	}}
}

// resourceOf makes a resource of any type and returns its ID.
func resourceOf(t *testing.T, id, version string, body armresources.GenericResource) string {
	t.Helper()
	client := must[*armresources.Client](t, "making a client")(armresources.NewClient(cloud.Subscription, cloud.credential, cloud.options))
	poller, err := client.BeginCreateOrUpdateByID(t.Context(), id, version, body, nil)
	made := done[armresources.ClientCreateOrUpdateByIDResponse](t, "making "+id)(poller, err)
	return *made.ID
}

// grant assigns a role, and returns what takes it away again.
func grant(t *testing.T, role, scope, principal string) (revoke func()) {
	t.Helper()
	assignments := must[*armauthorization.RoleAssignmentsClient](t, "making a client")(armauthorization.NewRoleAssignmentsClient(cloud.Subscription, cloud.credential, cloud.options))
	name := uuid.NewString()
	must[armauthorization.RoleAssignmentsClientCreateResponse](t, "assigning")(assignments.Create(t.Context(), scope, name, armauthorization.RoleAssignmentCreateParameters{
		Properties: &armauthorization.RoleAssignmentProperties{RoleDefinitionID: roleID(role), PrincipalID: &principal, PrincipalType: ptr(armauthorization.PrincipalTypeServicePrincipal)},
	}, nil))
	return func() {
		must[armauthorization.RoleAssignmentsClientDeleteResponse](t, "removing the assignment")(assignments.Delete(t.Context(), scope, name, nil))
	}
}

func tokenFor(t *testing.T, credential azcore.TokenCredential, scope string) string {
	t.Helper()
	return must[azcore.AccessToken](t, "getting a token")(credential.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{scope}})).Token
}

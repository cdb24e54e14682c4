//go:build e2e

package e2e_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/lanyard-project/lanyard/test/e2e/rig"
)

// TestWorkloadIdentity trusts a cluster's issuer with a federated credential, and exchanges a service account's token for
// one of the identity: workload identity, without anything of pod identity in the cluster.
func TestWorkloadIdentity(t *testing.T) {
	cloud := rig.Start(t)
	az := cloud.Az(t)
	az.Must(t, "group", "create", "--name", "rg", "--location", rig.Location)
	az.Must(t, "identity", "create", "-g", "rg", "-n", "app")
	client := az.Must(t, "identity", "show", "-g", "rg", "-n", "app", "--query", "clientId", "-o", "tsv")
	cluster := cloud.Create(t, "rg", "shop", rig.NewCluster())
	issuer := *cluster.Properties.OidcIssuerProfile.IssuerURL

	if got := az.Must(t, "aks", "show", "-g", "rg", "-n", "shop", "--query", "oidcIssuerProfile.issuerUrl", "-o", "tsv"); got != issuer {
		t.Errorf("az shows the issuer %s, not %s", got, issuer)
	}
	az.Must(t, "identity", "federated-credential", "create", "-g", "rg", "--identity-name", "app", "--name", "shop",
		"--issuer", issuer, "--subject", "system:serviceaccount:default:default", "--audiences", "api://AzureADTokenExchange")
	token := output(t, cloud.Kubectl(t, "rg", "shop"), "create", "token", "default", "--audience", "api://AzureADTokenExchange")

	browser, err := cloud.Client()
	if err != nil {
		t.Fatal(err)
	}
	answer, err := browser.PostForm(cloud.Origin()+"/"+cloud.Admin.TenantID+"/oauth2/v2.0/token", url.Values{
		"grant_type": {"client_credentials"}, "client_id": {client}, "scope": {"https://management.azure.com/.default"},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {token},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var got struct {
		Type        string `json:"token_type"`
		Token       string `json:"access_token"`
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&got); err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode != http.StatusOK || got.Type != "Bearer" || strings.Count(got.Token, ".") != 2 {
		t.Errorf("%d %s: %s", answer.StatusCode, got.Error, got.Description)
	}
}

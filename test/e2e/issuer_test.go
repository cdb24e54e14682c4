//go:build e2e

package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/lanyard-project/lanyard/internal/cli/local"
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

// TestPodsBecomeWorkloads takes the road away from pod identity (docs/identities.md, type 3): a pod that asks 169.254.169.254 as ever
// gets, in exchange for its own service account's token, one that ARM accepts, of an identity that is on no node.
func TestPodsBecomeWorkloads(t *testing.T) {
	cloud := rig.Start(t)
	az := cloud.Az(t)
	az.Must(t, "group", "create", "--name", "rg", "--location", rig.Location)
	az.Must(t, "identity", "create", "-g", "rg", "-n", "app")
	client := az.Must(t, "identity", "show", "-g", "rg", "-n", "app", "--query", "clientId", "-o", "tsv")
	cluster := cloud.Create(t, "rg", "shop", rig.NewCluster())
	nodeGroup := *cluster.Properties.NodeResourceGroup
	nodes := az.Must(t, "group", "show", "--name", nodeGroup, "-o", "tsv", "--query", "id")
	az.Must(t, "role", "assignment", "create", "--role", "Virtual Machine Contributor", "--assignee", client, "--scope", nodes)
	az.Must(t, "identity", "federated-credential", "create", "-g", "rg", "--identity-name", "app", "--name", "web",
		"--issuer", *cluster.Properties.OidcIssuerProfile.IssuerURL, "--subject", "system:serviceaccount:my-app:default", "--audiences", "api://AzureADTokenExchange")

	kube := cloud.Kubectl(t, "rg", "shop")
	installAgent(t, cloud, kube, "broker.tokenNamespaces={my-app}")
	if _, err := kube.Run(t.Context(), "", "rollout", "status", "deployment/lanyard-mic", "-n", "kube-system", "--timeout=60s"); err != nil {
		t.Fatal(err)
	}
	if err := kube.Apply(t.Context(), fmt.Sprintf(`apiVersion: aadpodidentity.k8s.io/v1
kind: AzureIdentity
metadata: {name: web, namespace: my-app}
spec: {type: 3, clientID: %s}
---
apiVersion: aadpodidentity.k8s.io/v1
kind: AzureIdentityBinding
metadata: {name: web, namespace: my-app}
spec: {azureIdentity: web, selector: web}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: other, namespace: my-app}
`, client)); err != nil {
		t.Fatal(err)
	}
	demo(t, kube, "web", "web", cloud.Admin.SubscriptionID, client, nodeGroup)
	set := az.Must(t, "vmss", "list", "-g", nodeGroup, "--query", "[0].name", "-o", "tsv")
	if got := az.Must(t, "vmss", "identity", "show", "-g", nodeGroup, "-n", set, "-o", "json"); strings.Contains(got, "userAssignedIdentities/app") {
		t.Errorf("the identity is on the nodes: %s", got)
	}

	// A pod of an account that the identity doesn't trust has the same label, and its neighbour's token is on the node.
	if err := kube.Apply(t.Context(), fmt.Sprintf(`apiVersion: v1
kind: Pod
metadata: {name: thief, namespace: my-app, labels: {aadpodidbinding: web}}
spec:
  serviceAccountName: other
  restartPolicy: Never
  containers:
  - {name: ask, image: %q, args: ["--raw", "--clientid=%s"]}
`, local.DemoImage, client)); err != nil {
		t.Fatal(err)
	}
	refused := func(out string) bool {
		return strings.Contains(out, "AADSTS70021") && !strings.Contains(out, "HTTP 200")
	}
	if log, err := kube.WaitFor(t.Context(), time.Minute, "the refusal of pod thief", refused, "logs", "thief", "-n", "my-app"); err != nil {
		t.Errorf("%v\n%s", err, log)
	}
}

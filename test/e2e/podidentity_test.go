//go:build e2e

package e2e_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	aks "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/containerservice/armcontainerservice/v6"

	"github.com/lanyard-project/lanyard/internal/cli/kubectl"
	"github.com/lanyard-project/lanyard/test/e2e/rig"
)

// TestPodIdentityAddon is seed 003 with the add-on: what az 2.45 knows is done with az, what only its aks-preview
// extension knows (pod identities) with the requests that the extension sends.
func TestPodIdentityAddon(t *testing.T) {
	cloud := rig.Start(t, "--registration-time=0s")
	az := cloud.Az(t)
	az.Must(t, "feature", "register", "--namespace", "Microsoft.ContainerService", "--name", "EnablePodIdentityPreview")
	az.Must(t, "provider", "register", "--namespace", "Microsoft.ContainerService")
	az.Must(t, "group", "create", "--name", "myResourceGroup", "--location", "eastus")

	body := rig.NewCluster()
	body.Properties.NetworkProfile = &aks.NetworkProfile{NetworkPlugin: to.Ptr(aks.NetworkPluginAzure)}
	body.Properties.PodIdentityProfile = &aks.ManagedClusterPodIdentityProfile{
		Enabled: to.Ptr(true), UserAssignedIdentities: []*aks.ManagedClusterPodIdentity{}, UserAssignedIdentityExceptions: []*aks.ManagedClusterPodIdentityException{},
	}
	cluster := cloud.Create(t, "myResourceGroup", "myAKSCluster", body)
	kube := cloud.Kubectl(t, "myResourceGroup", "myAKSCluster")
	if got := output(t, kube, "get", "azurepodidentityexceptions", "-A", "-o", "jsonpath={.items[*].metadata.namespace}/{.items[*].metadata.name}"); got != "kube-system/aks-addon-exception" {
		t.Errorf("exceptions: %s", got)
	}
	if got := output(t, kube, "get", "deployments", "-A", "-o", "name"); strings.Contains(got, "mic") {
		t.Errorf("managed mode has no mic: %s", got)
	}

	// "Create an identity" and "Assign permissions for the managed identity".
	az.Must(t, "group", "create", "--name", "myIdentityResourceGroup", "--location", "eastus")
	az.Must(t, "identity", "create", "--resource-group", "myIdentityResourceGroup", "--name", "application-identity")
	client := az.Must(t, "identity", "show", "--resource-group", "myIdentityResourceGroup", "--name", "application-identity", "--query", "clientId", "-o", "tsv")
	object := az.Must(t, "identity", "show", "--resource-group", "myIdentityResourceGroup", "--name", "application-identity", "--query", "principalId", "-o", "tsv")
	id := az.Must(t, "identity", "show", "--resource-group", "myIdentityResourceGroup", "--name", "application-identity", "--query", "id", "-o", "tsv")
	nodeGroup := az.Must(t, "aks", "show", "--resource-group", "myResourceGroup", "--name", "myAKSCluster", "--query", "nodeResourceGroup", "-o", "tsv")
	nodes := az.Must(t, "group", "show", "--name", nodeGroup, "-o", "tsv", "--query", "id")
	az.Must(t, "role", "assignment", "create", "--role", "Virtual Machine Contributor", "--assignee", client, "--scope", nodes)

	// "az aks pod-identity add": first without, then with the grant that the extension makes for the cluster's identity.
	add := func(selector string) (aks.ManagedCluster, error) {
		pod := &aks.ManagedClusterPodIdentity{
			Name: to.Ptr("my-pod-identity"), Namespace: to.Ptr("my-app"),
			Identity: &aks.UserAssignedIdentity{ResourceID: &id, ClientID: &client, ObjectID: &object},
		}
		if selector != "" {
			pod.BindingSelector = &selector
		}
		return podIdentities(t, cloud, pod)
	}
	if failed, err := add(""); err == nil || !strings.Contains(err.Error(), "Please grant at least 'Managed Identity Operator' permission") {
		t.Errorf("without the grant: %v, %v", err, failed)
	}
	az.Must(t, "role", "assignment", "create", "--role", "Managed Identity Operator", "--assignee-object-id", *cluster.Identity.PrincipalID, "--assignee-principal-type", "ServicePrincipal", "--scope", id)
	cluster, err := add("")
	if err != nil {
		t.Fatal(err)
	}
	entry := cluster.Properties.PodIdentityProfile.UserAssignedIdentities[0]
	if *entry.ProvisioningState != aks.ManagedClusterPodIdentityProvisioningStateAssigned || entry.BindingSelector != nil {
		t.Errorf("the pod identity: %+v", entry)
	}
	for kind, want := range map[string]string{"azureidentity": "my-pod-identity", "azureidentitybinding": "my-pod-identity-binding"} {
		if got := output(t, kube, "get", kind, "-n", "my-app", "-o", "jsonpath={.items[*].metadata.name}"); got != want {
			t.Errorf("%s: %s", kind, got)
		}
	}
	set := az.Must(t, "vmss", "list", "-g", nodeGroup, "--query", "[0].name", "-o", "tsv")
	if got := az.Must(t, "vmss", "identity", "show", "-g", nodeGroup, "-n", set, "-o", "json"); !strings.Contains(got, "application-identity") {
		t.Errorf("the scale set's identities: %s", got)
	}

	// "Run a sample application".
	demo(t, kube, "demo", "my-pod-identity", cloud.Admin.SubscriptionID, client, nodeGroup)
	// As printed it is told another group than the one that the page grants the identity a role in: refused there, until
	// the identity may list that group's machines too.
	logs(t, kube, run(t, kube, "as-printed", "my-pod-identity", cloud.Admin.SubscriptionID, client, "myIdentityResourceGroup"), "failed doARMOperations", "AuthorizationFailed")
	az.Must(t, "role", "assignment", "create", "--role", "Virtual Machine Contributor", "--assignee", client, "--scope", cloud.Scope("myIdentityResourceGroup"))
	logs(t, kube, "as-printed", "successfully doARMOperations vm count 0")
	// One that asks for a selector of its own, as for several identities.
	if _, err := add("myMultiIdentitySelector"); err != nil {
		t.Fatal(err)
	}
	demo(t, kube, "second", "myMultiIdentitySelector", cloud.Admin.SubscriptionID, client, nodeGroup)

	// "Disable pod-managed identity on an existing cluster".
	if _, err := podIdentities(t, cloud); err != nil {
		t.Fatal(err)
	}
	if got := output(t, kube, "get", "azureidentities,azureidentitybindings", "-A", "-o", "name"); got != "" {
		t.Errorf("left behind: %s", got)
	}
	if got := az.Must(t, "vmss", "identity", "show", "-g", nodeGroup, "-n", set, "-o", "json"); strings.Contains(got, "application-identity") {
		t.Errorf("the scale set keeps the identity: %s", got)
	}
	off := aks.ManagedCluster{Location: to.Ptr(rig.Location), Properties: &aks.ManagedClusterProperties{
		PodIdentityProfile: &aks.ManagedClusterPodIdentityProfile{Enabled: to.Ptr(false)},
	}}
	cloud.Create(t, "myResourceGroup", "myAKSCluster", off)
	if got := output(t, kube, "get", "daemonsets", "-A", "-o", "name"); strings.Contains(got, "identity") {
		t.Errorf("nmi is still there: %s", got)
	}
	// Without nmi and its rules a pod reaches its node's metadata again, as on a cluster that never had the add-on.
	demo(t, kube, "third", "none", cloud.Admin.SubscriptionID, "", nodeGroup)
}

// podIdentities sends the whole list, as the extension does, and waits for the end.
func podIdentities(t *testing.T, cloud *rig.Cloud, entries ...*aks.ManagedClusterPodIdentity) (aks.ManagedCluster, error) {
	t.Helper()
	clusters := cloud.Clusters(t)
	now, err := clusters.Get(t.Context(), "myResourceGroup", "myAKSCluster", nil)
	if err != nil {
		t.Fatal(err)
	}
	profile := now.Properties.PodIdentityProfile
	if profile.UserAssignedIdentities = entries; entries == nil {
		profile.UserAssignedIdentities = []*aks.ManagedClusterPodIdentity{}
	}
	poller, err := clusters.BeginCreateOrUpdate(t.Context(), "myResourceGroup", "myAKSCluster", now.ManagedCluster, nil)
	if err != nil {
		return aks.ManagedCluster{}, err
	}
	done, err := poller.PollUntilDone(t.Context(), rig.Poll())
	return done.ManagedCluster, err
}

// demo runs seed 003's demo and waits for its token. Without a client ID it is enough that metadata answers.
func demo(t *testing.T, kube *kubectl.Kubectl, name, selector, subscription, client, group string) {
	t.Helper()
	run(t, kube, name, selector, subscription, client, group)
	want := []string{"successfully made GET on instance metadata"}
	if client != "" {
		want = append(want, "successfully doARMOperations vm count 0",
			"successfully acquired a token using the MSI, msiEndpoint(http://169.254.169.254/metadata/identity/oauth2/token)",
			"successfully acquired a token, userAssignedID MSI, msiEndpoint(http://169.254.169.254/metadata/identity/oauth2/token) clientID("+client+")")
	}
	logs(t, kube, name, want...)
}

// run makes the demo's pod, and returns its name.
func run(t *testing.T, kube *kubectl.Kubectl, name, selector, subscription, client, group string) string {
	t.Helper()
	manifest := fmt.Sprintf(`{"apiVersion":"v1","kind":"Pod","metadata":{"name":%q,"labels":{"aadpodidbinding":%q}},"spec":{
		"containers":[{"name":"demo","image":"mcr.microsoft.com/oss/azure/aad-pod-identity/demo:v1.6.3","args":["--subscriptionid=%s","--clientid=%s","--resourcegroup=%s"],
		"env":[{"name":"MY_POD_NAME","valueFrom":{"fieldRef":{"fieldPath":"metadata.name"}}},{"name":"MY_POD_NAMESPACE","valueFrom":{"fieldRef":{"fieldPath":"metadata.namespace"}}},
		{"name":"MY_POD_IP","valueFrom":{"fieldRef":{"fieldPath":"status.podIP"}}}]}],"nodeSelector":{"kubernetes.io/os":"linux"}}}`, name, selector, subscription, client, group)
	if err := kube.Apply(t.Context(), manifest, "--namespace", "my-app"); err != nil {
		t.Fatal(err)
	}
	return name
}

// logs waits until a pod has said all of these.
func logs(t *testing.T, kube *kubectl.Kubectl, name string, want ...string) {
	t.Helper()
	log, err := kube.WaitFor(t.Context(), time.Minute, "what pod "+name+" says", func(out string) bool {
		for _, line := range want {
			if !strings.Contains(out, line) {
				return false
			}
		}
		return true
	}, "logs", name, "-n", "my-app")
	if err != nil {
		t.Errorf("%v\n%s", err, log)
	}
}

func output(t *testing.T, kube *kubectl.Kubectl, args ...string) string {
	t.Helper()
	out, err := kube.Run(t.Context(), "", args...)
	if err != nil {
		t.Error(err)
	}
	return strings.TrimSpace(out)
}

package rig

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/containerservice/armcontainerservice/v6"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/resources/armresources"

	"github.com/lanyard-project/lanyard/internal/cli/kubectl"
)

// Location is where the rig makes what it makes.
const Location = "eastus"

// Poll is for PollUntilDone.
func Poll() *runtime.PollUntilDoneOptions {
	return &runtime.PollUntilDoneOptions{Frequency: 500 * time.Millisecond}
}

// Group makes a resource group.
func (c *Cloud) Group(t testing.TB, name string) {
	t.Helper()
	groups, err := armresources.NewResourceGroupsClient(c.Admin.SubscriptionID, c.Credential, c.Options)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := groups.CreateOrUpdate(t.Context(), name, armresources.ResourceGroup{Location: to.Ptr(Location)}, nil); err != nil {
		t.Fatalf("making resource group %s: %v", name, err)
	}
}

// Clusters is the administrator's client for clusters.
func (c *Cloud) Clusters(t testing.TB) *armcontainerservice.ManagedClustersClient {
	t.Helper()
	client, err := armcontainerservice.NewManagedClustersClient(c.Admin.SubscriptionID, c.Credential, c.Options)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// NewCluster is a cluster of one node with a system-assigned identity, as a body for Create.
func NewCluster() armcontainerservice.ManagedCluster {
	return armcontainerservice.ManagedCluster{
		Location: to.Ptr(Location),
		Identity: &armcontainerservice.ManagedClusterIdentity{Type: to.Ptr(armcontainerservice.ResourceIdentityTypeSystemAssigned)},
		Properties: &armcontainerservice.ManagedClusterProperties{
			AgentPoolProfiles: []*armcontainerservice.ManagedClusterAgentPoolProfile{{
				Name: to.Ptr("nodepool1"), Count: to.Ptr[int32](1), VMSize: to.Ptr("Standard_DS2_v2"),
				Mode: to.Ptr(armcontainerservice.AgentPoolModeSystem),
			}},
		},
	}
}

// Create puts a cluster and waits until it has Succeeded.
func (c *Cloud) Create(t testing.TB, group, name string, body armcontainerservice.ManagedCluster) armcontainerservice.ManagedCluster {
	t.Helper()
	poller, err := c.Clusters(t).BeginCreateOrUpdate(t.Context(), group, name, body, nil)
	if err != nil {
		t.Fatalf("putting cluster %s: %v", name, err)
	}
	done, err := poller.PollUntilDone(t.Context(), Poll())
	if err != nil {
		t.Fatalf("waiting for cluster %s: %v", name, err)
	}
	return done.ManagedCluster
}

// Delete removes a cluster and waits until it is gone.
func (c *Cloud) Delete(t testing.TB, group, name string) {
	t.Helper()
	poller, err := c.Clusters(t).BeginDelete(t.Context(), group, name, nil)
	if err != nil {
		t.Fatalf("deleting cluster %s: %v", name, err)
	}
	if _, err := poller.PollUntilDone(t.Context(), Poll()); err != nil {
		t.Fatalf("waiting for the deletion of cluster %s: %v", name, err)
	}
}

// Kubectl is the real kubectl with the cluster's credential of an administrator.
func (c *Cloud) Kubectl(t testing.TB, group, name string) *kubectl.Kubectl {
	t.Helper()
	credentials, err := c.Clusters(t).ListClusterAdminCredentials(t.Context(), group, name, nil)
	if err != nil {
		t.Fatalf("getting the credentials of cluster %s: %v", name, err)
	}
	file := filepath.Join(t.TempDir(), name+".kubeconfig")
	if err := os.WriteFile(file, credentials.Kubeconfigs[0].Value, 0o600); err != nil {
		t.Fatal(err)
	}
	return &kubectl.Kubectl{Program: filepath.Join(c.Build, "kube", "kubectl"), Kubeconfig: file}
}

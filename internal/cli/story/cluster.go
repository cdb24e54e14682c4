package story

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/containerservice/armcontainerservice/v6"

	"github.com/lanyard-project/lanyard/internal/cli/kubectl"
)

// clusterLimit is how long a cluster may take until its node is Ready.
const clusterLimit = 10 * time.Minute

func (s *Story) createCluster(ctx context.Context) error {
	n := s.Narrator
	n.Command("az group create --name "+resourceGroup+" --location "+location,
		fmt.Sprintf("az network vnet create -g %s -n %s --address-prefixes 10.224.0.0/12 --subnet-name %s --subnet-prefixes 10.224.0.0/16", resourceGroup, vnetName, subnetName))
	if err := s.azure.createGroup(ctx, resourceGroup); err != nil {
		return err
	}
	subnetID, err := s.azure.createNetwork(ctx)
	if err != nil {
		return err
	}
	s.env.subnetID = subnetID
	n.Tick("resource group %s, virtual network %s", resourceGroup, vnetName)
	if err := s.fillRegistry(ctx); err != nil {
		return err
	}

	n.Command(fmt.Sprintf("az aks create --resource-group %s --name %s --network-plugin azure --node-count 1 --vnet-subnet-id $SUBNET_ID --attach-acr %s", resourceGroup, cluster, registryName))
	started := time.Now()
	created, err := s.pollCluster(ctx)
	if err != nil {
		return err
	}
	if err := s.readCluster(created); err != nil {
		return err
	}
	n.Tick("AKS cluster %s Succeeded after %.1f s; node resource group %s", cluster, time.Since(started).Seconds(), s.env.nodeGroup)
	n.Say("control-plane identity (system-assigned) %s\nkubelet identity %s-agentpool, client ID %s", s.env.clusterPrincipal, cluster, s.env.kubeletClientID)
	if _, err := s.azure.assign(ctx, roleAcrPull, s.env.kubeletObjectID, s.env.registryID); err != nil {
		return err
	}
	n.Tick("the kubelet identity has %s on the registry: what pods run from now on is pulled with it", roleAcrPull)
	err = s.getCredentials(ctx)
	s.clusterTook = time.Since(started)
	return err
}

// ClusterTook is the time from the PUT of the cluster to its Ready node.
func (s *Story) ClusterTook() time.Duration { return s.clusterTook }

// pollCluster creates the cluster and waits for it; lanyardd may be killed and
// started again in between.
func (s *Story) pollCluster(ctx context.Context) (armcontainerservice.ManagedCluster, error) {
	ctx, cancel := context.WithTimeout(ctx, clusterLimit)
	defer cancel()
	poller, err := s.azure.beginCluster(ctx, s.env.subnetID)
	if err != nil {
		return armcontainerservice.ManagedCluster{}, err
	}
	if s.KillDuringCreate {
		if err := s.killDuringCreate(ctx); err != nil {
			return armcontainerservice.ManagedCluster{}, err
		}
	}
	done, err := poller.PollUntilDone(ctx, &runtime.PollUntilDoneOptions{Frequency: pollEvery})
	return done.ManagedCluster, err
}

func (s *Story) killDuringCreate(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(1500 * time.Millisecond):
	}
	if err := s.Cloud.Kill(); err != nil {
		return err
	}
	s.Narrator.Say("lanyardd was killed with SIGKILL in the middle of the creation; starting it again")
	return s.Cloud.Start(ctx)
}

// readCluster takes what the seeds read with az aks show --query.
func (s *Story) readCluster(c armcontainerservice.ManagedCluster) error {
	if c.Properties == nil || c.Properties.NodeResourceGroup == nil || c.Identity == nil || c.Identity.PrincipalID == nil {
		return fmt.Errorf("the cluster came back without nodeResourceGroup or identity.principalId")
	}
	kubelet := c.Properties.IdentityProfile["kubeletidentity"]
	if kubelet == nil || kubelet.ClientID == nil || kubelet.ObjectID == nil {
		return fmt.Errorf("the cluster came back without identityProfile.kubeletidentity")
	}
	s.env.nodeGroup = *c.Properties.NodeResourceGroup
	s.env.nodeGroupID = fmt.Sprintf("/subscriptions/%s/resourceGroups/%s", s.azure.subscription, s.env.nodeGroup)
	s.env.clusterPrincipal = *c.Identity.PrincipalID
	s.env.kubeletClientID, s.env.kubeletObjectID = *kubelet.ClientID, *kubelet.ObjectID
	return nil
}

func (s *Story) getCredentials(ctx context.Context) error {
	n := s.Narrator
	file := s.Kubeconfig()
	n.Command(fmt.Sprintf("az aks get-credentials --resource-group %s --name %s --file %s", resourceGroup, cluster, relative(file)))
	credentials, err := s.azure.clusters.ListClusterUserCredentials(ctx, resourceGroup, cluster, nil)
	if err != nil {
		return err
	}
	if len(credentials.Kubeconfigs) != 1 {
		return fmt.Errorf("the cluster gave %d kubeconfigs, not 1", len(credentials.Kubeconfigs))
	}
	if err := os.WriteFile(file, credentials.Kubeconfigs[0].Value, 0o600); err != nil {
		return err
	}
	s.kube = &kubectl.Kubectl{Program: filepath.Join(s.Cloud.Build, "kube", "kubectl"), Kubeconfig: file}
	n.Command(fmt.Sprintf("kubectl --kubeconfig %s get nodes", relative(file)))
	nodes, err := s.kube.WaitFor(ctx, patience, "a Ready node", func(out string) bool { return strings.Contains(out, " Ready ") }, "get", "nodes")
	if err != nil {
		return err
	}
	n.Say("%s", nodes)
	n.Tick("the node is Ready: a real kubelet under a real control plane")
	return nil
}

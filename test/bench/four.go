package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/containerservice/armcontainerservice/v6"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/resources/armresources"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/lanyard-project/lanyard/internal/cli/local"
)

const (
	manyClusters = 4
	manyGroup    = "bench"
	// clusterLimit is how long one cluster may take on a busy machine.
	clusterLimit = 5 * time.Minute
	// idleFor is how long nothing is asked of the clusters before their memory is read.
	idleFor = 20 * time.Second
)

// manyUp makes four clusters of one node each, one after the other, and lets a pod on each ask for its first token: its
// node's, since there is no agent. Then it reads what they take while nothing is asked of them.
func (b *bench) manyUp(ctx context.Context) (rows []row, err error) {
	if err := b.cloud.Down(ctx); err != nil {
		return nil, fmt.Errorf("taking down what an earlier run left: %w", err)
	}
	if err := b.cloud.Start(ctx); err != nil {
		return nil, err
	}
	defer func() {
		if down := b.cloud.Down(context.WithoutCancel(ctx)); err == nil {
			err = down
		}
	}()
	if err := b.cloud.PackImages(); err != nil {
		return nil, err
	}
	clusters, err := b.clusters(ctx)
	if err != nil {
		return nil, err
	}
	var ready, token time.Duration
	for n := range manyClusters {
		toReady, toToken, err := firstOfCluster(ctx, clusters, fmt.Sprintf("bench-%d", n))
		if err != nil {
			return nil, fmt.Errorf("cluster %d of %d: %w", n+1, manyClusters, err)
		}
		fmt.Fprintf(b.progress, "cluster %d of %d: Ready after %.1f s, first token after %.1f s\n", n+1, manyClusters, toReady.Seconds(), toToken.Seconds())
		ready, token = ready+toReady, token+toToken
	}
	select {
	case <-time.After(idleFor):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	controlPlanes, nodes, err := memory(filepath.Base(b.cloud.RunDir()))
	if err != nil {
		return nil, err
	}
	return []row{
		newRow(manyPutToReady, seconds, ready.Seconds(), manyClusters, "mean of four clusters, one after the other: PUT to Ready node"),
		newRow(manyPutToToken, seconds, token.Seconds(), manyClusters, "mean of the same four: PUT to the first token of a pod, from its node's metadata"),
		newRow(manyClusterMemory, mebibytes, controlPlanes/(1<<20), manyClusters, "proportional memory of an idle control plane, four being up"),
		newRow(manyNodeMemory, mebibytes, nodes/(1<<20), manyClusters, "proportional memory of an idle node, four being up"),
	}, nil
}

// clusters is the administrator's client, with a group to make clusters in.
func (b *bench) clusters(ctx context.Context) (*armcontainerservice.ManagedClustersClient, error) {
	admin, err := b.cloud.Administrator()
	if err != nil {
		return nil, err
	}
	credential, options, err := b.cloud.SDK(admin.TenantID, admin.ClientID, admin.ClientSecret)
	if err != nil {
		return nil, err
	}
	groups, err := armresources.NewResourceGroupsClient(admin.SubscriptionID, credential, options)
	if err != nil {
		return nil, err
	}
	if _, err := groups.CreateOrUpdate(ctx, manyGroup, armresources.ResourceGroup{Location: to.Ptr("eastus")}, nil); err != nil {
		return nil, fmt.Errorf("making a resource group: %w", err)
	}
	return armcontainerservice.NewManagedClustersClient(admin.SubscriptionID, credential, options)
}

// firstOfCluster makes a cluster and a pod in it, and tells how long both took from the PUT on.
func firstOfCluster(ctx context.Context, clusters *armcontainerservice.ManagedClustersClient, name string) (toReady, toToken time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, clusterLimit)
	defer cancel()
	put := time.Now()
	poller, err := clusters.BeginCreateOrUpdate(ctx, manyGroup, name, armcontainerservice.ManagedCluster{
		Location: to.Ptr("eastus"),
		Identity: &armcontainerservice.ManagedClusterIdentity{Type: to.Ptr(armcontainerservice.ResourceIdentityTypeSystemAssigned)},
		Properties: &armcontainerservice.ManagedClusterProperties{AgentPoolProfiles: []*armcontainerservice.ManagedClusterAgentPoolProfile{{
			Name: to.Ptr("nodepool1"), Count: to.Ptr[int32](1), VMSize: to.Ptr("Standard_DS2_v2"), Mode: to.Ptr(armcontainerservice.AgentPoolModeSystem),
		}}},
	}, nil)
	if err != nil {
		return 0, 0, err
	}
	for !poller.Done() { // PollUntilDone asks once a second at most, which is too coarse
		if _, err := poller.Poll(ctx); err != nil { //nolint:bodyclose // the SDK has read the body and closed it
			return 0, 0, err
		}
		time.Sleep(100 * time.Millisecond)
	}
	made, err := poller.Result(ctx)
	if err != nil {
		return 0, 0, err
	}
	toReady = time.Since(put)
	credentials, err := clusters.ListClusterAdminCredentials(ctx, manyGroup, name, nil)
	if err != nil {
		return 0, 0, err
	}
	config, err := clientcmd.RESTConfigFromKubeConfig(credentials.Kubeconfigs[0].Value)
	if err != nil {
		return 0, 0, err
	}
	config.QPS = -1 // waiting for a turn of the client's would count
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return 0, 0, err
	}
	kubelet := *made.Properties.IdentityProfile["kubeletidentity"].ClientID
	before := time.Since(put)
	took, err := firstToken(ctx, client, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "first", Namespace: metav1.NamespaceDefault},
		Spec: corev1.PodSpec{RestartPolicy: corev1.RestartPolicyNever, Containers: []corev1.Container{{
			Name: "ask", Image: local.DemoImage, Args: []string{"--raw", "--clientid=" + kubelet},
		}}},
	}, kubelet)
	return toReady, before + took, err
}

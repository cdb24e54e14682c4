//go:build e2e

package e2e_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	aks "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/containerservice/armcontainerservice/v6"
	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/lanyard-project/lanyard/internal/clusters/vnet"
	"github.com/lanyard-project/lanyard/test/e2e/rig"
)

// TestSimulatedPool adds 200 nodes that nothing runs on, runs 400 pods there that say so, scales the pool down and deletes it.
func TestSimulatedPool(t *testing.T) {
	cloud := rig.Start(t, "--simulator="+rig.Simulator(t))
	cloud.Group(t, "rg")
	cloud.Create(t, "rg", "shop", rig.NewCluster())
	kube := cloud.Kubectl(t, "rg", "shop")
	pools, err := aks.NewAgentPoolsClient(cloud.Admin.SubscriptionID, cloud.Credential, cloud.Options)
	if err != nil {
		t.Fatal(err)
	}
	put := func(count int32) {
		t.Helper()
		started := time.Now()
		poller, err := pools.BeginCreateOrUpdate(t.Context(), "rg", "shop", "many", aks.AgentPool{Properties: &aks.ManagedClusterAgentPoolProfileProperties{
			Count: &count, Mode: to.Ptr(aks.AgentPoolModeUser), VMSize: to.Ptr("Standard_DS2_v2"), Tags: map[string]*string{"lanyard-simulated": to.Ptr("true")},
		}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := poller.PollUntilDone(t.Context(), rig.Poll()); err != nil {
			t.Fatal(err)
		}
		t.Logf("%d simulated nodes after %.1f s", count, time.Since(started).Seconds())
	}
	nodes := func() (simulated, real int) {
		t.Helper()
		for line := range strings.Lines(output(t, kube, "get", "nodes", "--no-headers") + "\n") {
			switch fields := strings.Fields(line); {
			case len(fields) < 5:
			case fields[2] == "simulated" && fields[1] == "Ready" && fields[4] == "simulated":
				simulated++
			default:
				real++
			}
		}
		return simulated, real
	}
	put(200)
	if simulated, real := nodes(); simulated != 200 || real != 1 {
		t.Errorf("kubectl shows %d simulated nodes and %d others", simulated, real)
	}
	const pods = `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"crowd","namespace":"default"},"spec":{"replicas":400,"selector":{"matchLabels":{"app":"crowd"}},
		"template":{"metadata":{"labels":{"app":"crowd"}},"spec":{"nodeSelector":{"agentpool":"many"},"tolerations":[{"key":"lanyard.dev/simulated","operator":"Exists"}],
		"containers":[{"name":"c","image":"example.com/nobody/has:this"}]}}}}`
	if err := kube.Apply(t.Context(), pods); err != nil {
		t.Fatal(err)
	}
	if out, err := kube.Run(t.Context(), "", "rollout", "status", "deployment/crowd", "--timeout=180s"); err != nil {
		t.Errorf("%v %s", err, out)
	}
	// Nobody comes there by chance.
	if got := output(t, kube, "get", "pods", "-A", "--no-headers", "-o", "custom-columns=NODE:.spec.nodeName,APP:.metadata.labels.app"); strings.Count(got, "aks-many-") != 400 {
		t.Errorf("%d pods are on simulated nodes", strings.Count(got, "aks-many-"))
	}
	put(20)
	if simulated, _ := nodes(); simulated != 20 {
		t.Errorf("after scaling down there are %d", simulated)
	}
	gone, err := pools.BeginDelete(t.Context(), "rg", "shop", "many", nil)
	if err == nil {
		_, err = gone.PollUntilDone(t.Context(), rig.Poll())
	}
	if err != nil {
		t.Fatal(err)
	}
	if simulated, real := nodes(); simulated != 0 || real != 1 {
		t.Errorf("after the deletion there are %d simulated nodes and %d others", simulated, real)
	}
}

// TestPrivateCluster finds a private cluster's API server by its private name inside the virtual network, by the certificate
// of that name, and from the machine not at all.
func TestPrivateCluster(t *testing.T) {
	cloud := rig.Start(t)
	cloud.Group(t, "rg")
	body := rig.NewCluster()
	body.Properties.APIServerAccessProfile = &aks.ManagedClusterAPIServerAccessProfile{EnablePrivateCluster: to.Ptr(true)}
	cluster := cloud.Create(t, "rg", "hidden", body)
	name := *cluster.Properties.PrivateFQDN
	networks, err := filepath.Glob(filepath.Join(cloud.RunDir(), "*", "net", "vnet.*"))
	if err != nil || len(networks) != 1 {
		t.Fatalf("virtual networks are %v, %v", networks, err)
	}
	inside := vnet.Namespace{Path: networks[0]}
	resolver := net.Resolver{PreferGo: true, StrictErrors: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return inside.Dial(ctx, network, "168.63.129.16:53")
	}}
	addresses, err := resolver.LookupHost(t.Context(), name)
	if diff := cmp.Diff([]string{"168.63.129.17"}, addresses); diff != "" || err != nil {
		t.Fatalf("%s is at (-want +got):\n%s%v", name, diff, err)
	}
	credentials, err := cloud.Clusters(t).ListClusterAdminCredentials(t.Context(), "rg", "hidden", nil)
	if err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.RESTConfigFromKubeConfig(credentials.Kubeconfigs[0].Value)
	if err != nil || config.Host != "https://"+name+":443" {
		t.Fatalf("the kubeconfig leads to %s, %v", config.Host, err)
	}
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(config.CAData)
	connection, err := inside.Dial(t.Context(), "tcp", addresses[0]+":443")
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if err := tls.Client(connection, &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: trusted, ServerName: name}).HandshakeContext(t.Context()); err != nil {
		t.Errorf("the API server isn't known by its private name: %v", err)
	}
}

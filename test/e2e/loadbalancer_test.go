//go:build e2e

package e2e_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"

	"github.com/lanyard-project/lanyard/internal/cli/kubectl"
	"github.com/lanyard-project/lanyard/internal/loopback"
	"github.com/lanyard-project/lanyard/test/e2e/rig"
)

// healLimit is for what a controller tries again by itself, with growing pauses.
const healLimit = 90 * time.Second

// balancedCluster is a cluster of two nodes in a brought network, with a server that Services can lead to;
// flags are more flags of lanyardd.
func balancedCluster(t *testing.T, flags ...string) (cloud *rig.Cloud, kube *kubectl.Kubectl, principal, vnet string) {
	t.Helper()
	cloud = rig.Start(t, append(flags, "--node-image="+packProbe(t))...)
	cloud.Group(t, "rg")
	cloud.Group(t, "addresses")
	vnet = cloud.VNet(t, "rg", "vnet", "nodes", "inside")
	body := rig.NewCluster()
	body.Properties.AgentPoolProfiles[0].Count = to.Ptr[int32](2)
	body.Properties.AgentPoolProfiles[0].VnetSubnetID = to.Ptr(vnet + "/subnets/nodes")
	made := cloud.Create(t, "rg", "c", body)
	kube = cloud.Kubectl(t, "rg", "c")
	if err := kube.Apply(t.Context(), fmt.Sprintf(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: server}
spec:
  replicas: 2
  selector: {matchLabels: {app: server}}
  template:
    metadata: {labels: {app: server}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{name: server, image: %q, args: [serve]}]
`, probeImage)); err != nil {
		t.Fatal(err)
	}
	return cloud, kube, *made.Identity.PrincipalID, vnet
}

// expose makes a Service of type LoadBalancer; more is of its spec.
func expose(t *testing.T, kube *kubectl.Kubectl, name string, annotations map[string]string, more string) {
	t.Helper()
	var notes []string
	for key, value := range annotations {
		notes = append(notes, fmt.Sprintf("service.beta.kubernetes.io/%s: %q", key, value))
	}
	if err := kube.Apply(t.Context(), fmt.Sprintf("{apiVersion: v1, kind: Service, metadata: {name: %s, annotations: {%s}}, spec: {type: LoadBalancer, selector: {app: server}, ports: [{port: 80, targetPort: 8080}]%s}}",
		name, strings.Join(notes, ", "), more)); err != nil {
		t.Fatal(err)
	}
}

// ingress waits for a Service's address.
func ingress(t *testing.T, kube *kubectl.Kubectl, name string, limit time.Duration) netip.Addr {
	t.Helper()
	out, err := kube.WaitFor(t.Context(), limit, "the address of service "+name, func(out string) bool { return out != "" },
		"get", "service", name, "-o", "jsonpath={.status.loadBalancer.ingress[0].ip}")
	if err != nil {
		events, _ := kube.Run(t.Context(), "", "get", "events", "--field-selector", "involvedObject.name="+name, "-o", "custom-columns=R:.reason,M:.message")
		t.Fatalf("%v\n%s", err, events)
	}
	address, err := netip.ParseAddr(out)
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// refused waits for the event that users of AKS know.
func refused(t *testing.T, kube *kubectl.Kubectl, name string, words ...string) {
	t.Helper()
	out, err := kube.WaitFor(t.Context(), healLimit, "the refusal of service "+name, func(out string) bool {
		for _, word := range words {
			if !strings.Contains(out, word) {
				return false
			}
		}
		return true
	}, "get", "events", "--field-selector", "involvedObject.name="+name+",reason=SyncLoadBalancerFailed", "-o", "jsonpath={.items[*].message}")
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("refused: %.600s", out)
}

// reach asks a public address, from this machine, until it answers.
func reach(t *testing.T, public netip.Addr, limit time.Duration) string {
	t.Helper()
	url := "http://" + net.JoinHostPort(loopback.Of(public).String(), "80") + "/"
	client := &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	var last error
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		response, err := client.Get(url)
		if err != nil {
			last = err
			continue
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err == nil && response.StatusCode == http.StatusOK {
			return string(body)
		}
		last = fmt.Errorf("%s: %w", response.Status, err)
	}
	t.Fatalf("%s doesn't answer: %v", url, last)
	return ""
}

// uninitialized is the node that still has the taint of one that nobody told what it is; each line is a node and its taints.
func uninitialized(lines string) string {
	for line := range strings.SplitSeq(lines, "\n") {
		if name, taints, _ := strings.Cut(line, " "); strings.Contains(taints, "node.cloudprovider.kubernetes.io/uninitialized") {
			return name
		}
	}
	return ""
}

// controllerLog is what the cloud controller manager of the cloud's only cluster said.
func controllerLog(t *testing.T, cloud *rig.Cloud) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(cloud.DataDir(), "clusters", "clusters", "*", "control-plane", "var", "log", "cloud-controller-manager.log"))
	if err != nil || len(files) != 1 {
		t.Fatalf("the logs of cloud controller managers: %q, %v", files, err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestLoadBalancers has Services of type LoadBalancer made by the cluster's own identity, with what it may and without.
func TestLoadBalancers(t *testing.T) {
	cloud, kube, principal, vnet := balancedCluster(t)
	nodeGroup := cloud.Scope("MC_rg_c_" + rig.Location)

	t.Run("nodes are completed by the cloud controller manager", func(t *testing.T) {
		out := output(t, kube, "get", "nodes", "-o", `jsonpath={range .items[*]}{.spec.providerID} {.status.addresses[?(@.type=="InternalIP")].address} {.metadata.labels.topology\.kubernetes\.io/region} {.spec.taints}{"\n"}{end}`)
		for line := range strings.SplitSeq(strings.TrimSpace(out), "\n") {
			if !strings.HasPrefix(line, "azure:///subscriptions/") || !strings.Contains(line, " 10.40.0.") || !strings.Contains(line, " "+rig.Location) || strings.Contains(line, "uninitialized") {
				t.Errorf("node: %s", line)
			}
		}
	})
	t.Run("rules lead to nodes only with the right to read their scale set", func(t *testing.T) {
		restore := cloud.Strip(t, principal, nodeGroup)
		network := cloud.Grant(t, principal, rig.NetworkContributor, nodeGroup)
		expose(t, kube, "pooled", nil, "")
		refused(t, kube, "pooled", "AuthorizationFailed", "Microsoft.Compute/virtualMachineScaleSets/read")
		network()
		restore()
		reach(t, ingress(t, kube, "pooled", healLimit), healLimit)
		output(t, kube, "delete", "service", "pooled")
	})
	t.Run("a new node isn't told what it is without the right to read its machine", func(t *testing.T) {
		const taints = `jsonpath={range .items[*]}{.metadata.name} {.spec.taints[*].key}{"\n"}{end}`
		fresh, _, _ := strings.Cut(output(t, kube, "get", "nodes", "-o", "name"), "\n")
		fresh = strings.TrimPrefix(fresh, "node/")
		restore := cloud.Strip(t, principal, nodeGroup)
		begun := len(controllerLog(t, cloud))
		output(t, kube, "delete", "node", fresh)
		for _, pid := range processes(t, cloud.Cloud, "kubelet") { // one that starts tells of its node, as a new one's does
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := kube.WaitFor(t.Context(), 2*time.Minute, "the new node", func(out string) bool { return uninitialized(out) == fresh }, "get", "nodes", "-o", taints); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(healLimit); ; time.Sleep(200 * time.Millisecond) {
			said := controllerLog(t, cloud)[begun:]
			if _, about, found := strings.Cut(said, "Initializing node "+fresh); found && strings.Contains(about, "AuthorizationFailed") && strings.Contains(about, "Microsoft.Compute/virtualMachineScaleSets/virtualMachines/read") {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("nothing was refused for node %s: %s", fresh, said)
			}
		}
		if still := uninitialized(output(t, kube, "get", "nodes", "-o", taints)); still != fresh {
			t.Errorf("uninitialized after the refusal: %q, want %q", still, fresh)
		}
		restore()
		if _, err := kube.WaitFor(t.Context(), healLimit, "the new node to be told what it is", func(out string) bool { return uninitialized(out) == "" }, "get", "nodes", "-o", taints); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("a public address leads to pods", func(t *testing.T) {
		begun := time.Now()
		expose(t, kube, "public", nil, "")
		public := ingress(t, kube, "public", healLimit)
		addressed := time.Since(begun)
		reach(t, public, healLimit)
		t.Logf("service to address %s, to first byte %s", addressed.Round(time.Millisecond), time.Since(begun).Round(time.Millisecond))
		output(t, kube, "delete", "service", "public")
		client := &http.Client{Timeout: time.Second}
		if _, err := client.Get("http://" + loopback.Of(public).String() + "/"); err == nil {
			t.Error("the address of a service that is gone still answers")
		}
	})
	t.Run("traffic policy Local keeps to nodes with pods", func(t *testing.T) {
		expose(t, kube, "local", nil, ", externalTrafficPolicy: Local")
		public := ingress(t, kube, "local", healLimit)
		if client := reach(t, public, healLimit); client != "10.40.0.1" {
			t.Errorf("the pod sees %s, want whom the network has as its router", client)
		}
	})
	t.Run("an address of another resource group needs the right there", func(t *testing.T) {
		address := cloud.PublicAddress(t, "addresses", "mine")
		expose(t, kube, "brought", map[string]string{"azure-load-balancer-resource-group": "addresses", "azure-pip-name": "mine"}, "")
		refused(t, kube, "brought", "AuthorizationFailed", "Microsoft.Network/publicIPAddresses/read")
		reader := cloud.Grant(t, principal, rig.Reader, cloud.Scope("addresses"))
		refused(t, kube, "brought", "AuthorizationFailed", "Microsoft.Network/publicIPAddresses/write")
		reader()
		revoke := cloud.Grant(t, principal, rig.NetworkContributor, cloud.Scope("addresses"))
		if got := ingress(t, kube, "brought", healLimit); got.String() != address {
			t.Errorf("the service has %s, want %s", got, address)
		}
		reach(t, netip.MustParseAddr(address), healLimit)

		// Taken away, the next operation fails; what is there goes on. Given back, it is done.
		revoke()
		output(t, kube, "delete", "events", "--field-selector", "involvedObject.name=brought")
		output(t, kube, "annotate", "service", "brought", "service.beta.kubernetes.io/azure-load-balancer-tcp-idle-timeout=10")
		refused(t, kube, "brought", "AuthorizationFailed", "Microsoft.Network/publicIPAddresses/read")
		reach(t, netip.MustParseAddr(address), healLimit)
		cloud.Grant(t, principal, rig.NetworkContributor, cloud.Scope("addresses"))
		happens(t, kube, "brought", "EnsuredLoadBalancer", "Ensured load balancer")
	})
	t.Run("even in the node resource group nothing is made without a right", func(t *testing.T) {
		restore := cloud.Strip(t, principal, nodeGroup)
		expose(t, kube, "denied", nil, "")
		refused(t, kube, "denied", "AuthorizationFailed", "Microsoft.Network/loadBalancers/read")
		restore()
		reach(t, ingress(t, kube, "denied", healLimit), healLimit)
	})
	t.Run("an internal one in a brought subnet needs the right there", func(t *testing.T) {
		annotations := map[string]string{"azure-load-balancer-internal": "true", "azure-load-balancer-internal-subnet": "inside"}
		expose(t, kube, "internal", annotations, "")
		refused(t, kube, "internal", "AuthorizationFailed", "Microsoft.Network/virtualNetworks/subnets/read")
		reader := cloud.Grant(t, principal, rig.Reader, vnet)
		refused(t, kube, "internal", "LinkedAuthorizationFailed", "Microsoft.Network/virtualNetworks/subnets/join/action")
		reader()
		// The pool is a new one, which the scale set has to be put into.
		restore := cloud.Strip(t, principal, nodeGroup)
		network, reader := cloud.Grant(t, principal, rig.NetworkContributor, nodeGroup), cloud.Grant(t, principal, rig.Reader, nodeGroup)
		cloud.Grant(t, principal, rig.NetworkContributor, vnet)
		refused(t, kube, "internal", "AuthorizationFailed", "Microsoft.Compute/virtualMachineScaleSets/write")
		reader()
		network()
		restore()
		address := ingress(t, kube, "internal", healLimit)
		if !netip.MustParsePrefix("10.40.1.0/24").Contains(address) {
			t.Errorf("the internal address is %s", address)
		}
		if err := kube.Apply(t.Context(), fmt.Sprintf("{apiVersion: v1, kind: Pod, metadata: {name: caller}, spec: {hostNetwork: true, terminationGracePeriodSeconds: 0, containers: [{name: probe, image: %q, args: [get, %q]}]}}",
			probeImage, "http://"+address.String()+"/")); err != nil {
			t.Fatal(err)
		}
		if _, err := kube.WaitFor(t.Context(), time.Minute, "the answer of the internal address", func(out string) bool { return strings.Contains(out, "= 200 ") }, "logs", "caller"); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("everything goes with its service", func(t *testing.T) {
		output(t, kube, "delete", "service", "local", "brought", "denied", "internal")
		left := cloud.Kinds(t, "MC_rg_c_"+rig.Location)
		if left["Microsoft.Network/publicIPAddresses"] != 1 || left["Microsoft.Network/loadBalancers"] != 1 {
			t.Errorf("left in the node resource group: %v; want the outbound address and its load balancer", left)
		}
	})
}

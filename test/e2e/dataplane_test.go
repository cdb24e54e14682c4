//go:build e2e

package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/authorization/armauthorization/v2"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/resources/armresources"
	"github.com/google/uuid"

	"github.com/lanyard-project/lanyard/internal/cli/kubectl"
	"github.com/lanyard-project/lanyard/internal/clusters/images"
	"github.com/lanyard-project/lanyard/internal/loopback/loopbacktest"
	"github.com/lanyard-project/lanyard/test/e2e/rig"
)

const (
	externalDNSImage = "registry.example/external-dns:1"
	dataClientImage  = "registry.example/dataclient:1"

	readerRole          = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
	dnsContributorRole  = "befefa01-2a29-4197-83a8-272ff33ce314"
	blobReaderRole      = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
	blobContributorRole = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
	busSenderRole       = "69a216fc-b8fb-44d8-bc22-1f3c2cd27a39"
	busReceiverRole     = "4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0"
)

// packDataClient makes an image of the program that uses data planes.
func packDataClient(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "program")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", binary, ".")
	build.Dir = "testdata/dataclient"
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-buildvcs=false")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the client: %v\n%s", err, out)
	}
	return packBinary(t, dataClientImage, binary)
}

// packExternalDNS makes an image of the program that make external-dns has built: it takes
// longer than a test may.
func packExternalDNS(t *testing.T) string {
	t.Helper()
	const built = "../../build/external-dns"
	if _, err := os.Stat(built); err != nil {
		t.Fatalf("%v: 'make external-dns' builds it", err)
	}
	return packBinary(t, externalDNSImage, built)
}

func packBinary(t *testing.T, image, binary string) string {
	t.Helper()
	archive := filepath.Join(t.TempDir(), "image.tar")
	if _, err := images.PackFile(archive, images.Program(image, binary)); err != nil {
		t.Fatal(err)
	}
	return archive
}

// dataWorld is a cluster in one subscription, and what its kubelet identity works with in another one, the hub.
type dataWorld struct {
	*testing.T
	cloud   *rig.Cloud
	kube    *kubectl.Kubectl
	names   *net.Resolver // of the public zones
	kubelet struct{ clientID, principalID string }
	vnet    string
}

// put makes a resource and returns its ID.
func (w *dataWorld) put(id, version string, body armresources.GenericResource) string {
	w.Helper()
	client, err := armresources.NewClient(hub, w.cloud.Credential, w.cloud.Options)
	if err != nil {
		w.Fatal(err)
	}
	poller, err := client.BeginCreateOrUpdateByID(w.Context(), id, version, body, nil)
	if err != nil {
		w.Fatalf("making %s: %v", id, err)
	}
	if _, err := poller.PollUntilDone(w.Context(), rig.Poll()); err != nil {
		w.Fatalf("making %s: %v", id, err)
	}
	return id
}

// remove deletes a resource.
func (w *dataWorld) remove(id, version string) {
	w.Helper()
	client, err := armresources.NewClient(hub, w.cloud.Credential, w.cloud.Options)
	if err != nil {
		w.Fatal(err)
	}
	poller, err := client.BeginDeleteByID(w.Context(), id, version, nil)
	if err != nil {
		w.Fatalf("deleting %s: %v", id, err)
	}
	if _, err := poller.PollUntilDone(w.Context(), rig.Poll()); err != nil {
		w.Fatalf("deleting %s: %v", id, err)
	}
}

// grant gives the principal a role, and returns what takes it away.
func (w *dataWorld) grant(role, scope, principal string) (revoke func()) {
	w.Helper()
	client, err := armauthorization.NewRoleAssignmentsClient(hub, w.cloud.Credential, w.cloud.Options)
	if err != nil {
		w.Fatal(err)
	}
	name := uuid.NewString()
	if _, err := client.Create(w.Context(), scope, name, armauthorization.RoleAssignmentCreateParameters{Properties: &armauthorization.RoleAssignmentProperties{
		RoleDefinitionID: to.Ptr("/subscriptions/" + hub + "/providers/Microsoft.Authorization/roleDefinitions/" + role), PrincipalID: &principal,
	}}, nil); err != nil {
		w.Fatalf("granting %s at %s: %v", role, scope, err)
	}
	return func() {
		if _, err := client.Delete(w.Context(), scope, name, nil); err != nil {
			w.Fatalf("revoking %s at %s: %v", role, scope, err)
		}
	}
}

// logged waits until the program's last lines have the text.
func (w *dataWorld) logged(pod, text string) {
	w.Helper()
	if _, err := w.kube.WaitFor(w.Context(), 2*time.Minute, pod+" to say "+text, func(out string) bool { return strings.Contains(out, text) }, "logs", pod, "--tail=1"); err != nil {
		w.Fatal(err)
	}
}

// resolves waits until a name leads to the address, from outside of the cluster; an empty address: until it leads nowhere.
func (w *dataWorld) resolves(name, address string) {
	w.Helper()
	var got []string
	var err error
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(300 * time.Millisecond) {
		got, err = w.names.LookupHost(w.Context(), name)
		var answer *net.DNSError
		if address == "" && errors.As(err, &answer) && !answer.IsTimeout || len(got) == 1 && got[0] == address {
			return
		}
	}
	w.Fatalf("%s leads to %v (%v), want %q", name, got, err, address)
}

func newDataWorld(t *testing.T) *dataWorld {
	t.Helper()
	address := loopbacktest.Free(t)
	w := &dataWorld{T: t}
	w.cloud = rig.Start(t, "--registration-time=0s", "--subscription=Hub="+hub, "--dns-listen="+address,
		"--node-image="+packProbe(t), "--node-image="+packExternalDNS(t), "--node-image="+packDataClient(t))
	w.names = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}}
	w.cloud.Group(t, "rg")
	groups, err := armresources.NewResourceGroupsClient(hub, w.cloud.Credential, w.cloud.Options)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := groups.CreateOrUpdate(t.Context(), "shared", armresources.ResourceGroup{Location: to.Ptr(rig.Location)}, nil); err != nil {
		t.Fatal(err)
	}
	made := w.cloud.Create(t, "rg", "spoke", rig.NewCluster())
	kubelet := made.Properties.IdentityProfile["kubeletidentity"]
	w.kubelet.clientID, w.kubelet.principalID = *kubelet.ClientID, *kubelet.ObjectID
	w.kube = w.cloud.Kubectl(t, "rg", "spoke")
	client, err := armresources.NewClient(w.cloud.Admin.SubscriptionID, w.cloud.Credential, w.cloud.Options)
	if err != nil {
		t.Fatal(err)
	}
	pager := client.NewListByResourceGroupPager(*made.Properties.NodeResourceGroup, &armresources.ClientListByResourceGroupOptions{Filter: to.Ptr("resourceType eq 'Microsoft.Network/virtualNetworks'")})
	page, err := pager.NextPage(t.Context())
	if err != nil || len(page.Value) != 1 {
		t.Fatalf("the cluster's network: %v %v", page.Value, err)
	}
	w.vnet = *page.Value[0].ID
	return w
}

const sharedGroup = "/subscriptions/" + hub + "/resourceGroups/shared"

// TestDataPlanes is what seed 001 gives identities rights for, with the zone, the account and the namespace in the hub's
// subscription and the cluster in the spoke's: each right granted, taken away and granted again.
func TestDataPlanes(t *testing.T) {
	w := newDataWorld(t)
	for name, test := range map[string]func(*dataWorld){"dns": (*dataWorld).externalDNS, "private zone": (*dataWorld).privateZone, "data": (*dataWorld).data} {
		t.Run(name, func(t *testing.T) {
			part := *w
			part.T = t
			test(&part)
		})
	}
}

// externalDNS has external-dns, as its project publishes it and set up as its page for Azure says, keep the records of a
// zone for a Service's name.
func (w *dataWorld) externalDNS() {
	t := w.T
	zone := w.put(sharedGroup+"/providers/Microsoft.Network/dnsZones/shop.example", "2018-05-01", armresources.GenericResource{Location: to.Ptr("global")})
	w.grant(readerRole, sharedGroup, w.kubelet.principalID) // it lists the group's zones
	service := func(name string) string {
		return "{apiVersion: v1, kind: Service, metadata: {name: " + name + ", annotations: {external-dns.alpha.kubernetes.io/hostname: " + name + ".shop.example}}, spec: {ports: [{port: 80}], selector: {app: x}}}\n---\n"
	}
	program := fmt.Sprintf(`{apiVersion: v1, kind: ServiceAccount, metadata: {name: external-dns}}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: external-dns}, rules: [
  {apiGroups: ["", "discovery.k8s.io", "networking.k8s.io"], resources: [services, endpoints, pods, nodes, endpointslices, ingresses], verbs: [get, watch, list]}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: external-dns}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: external-dns}, subjects: [{kind: ServiceAccount, name: external-dns, namespace: default}]}
---
apiVersion: v1
kind: Pod
metadata: {name: external-dns}
spec:
  serviceAccountName: external-dns
  terminationGracePeriodSeconds: 0
  containers:
  - name: external-dns
    image: %s
    args: [--source=service, --publish-internal-services, --provider=azure, --domain-filter=shop.example, --azure-subscription-id=%s, --azure-resource-group=shared, --txt-owner-id=spoke, --policy=sync, --interval=3s, --min-event-sync-interval=1s]
    volumeMounts: [{name: azure, mountPath: /etc/kubernetes/azure.json, readOnly: true}, {name: certificates, mountPath: /etc/ssl/certs, readOnly: true}]
  volumes: [{name: azure, hostPath: {path: /etc/kubernetes/azure.json, type: File}}, {name: certificates, hostPath: {path: /etc/ssl/certs}}]
`, externalDNSImage, hub)
	if err := w.kube.Apply(t.Context(), service("one")+program); err != nil {
		t.Fatal(err)
	}
	refused := func() {
		t.Helper()
		if _, err := w.kube.WaitFor(t.Context(), 2*time.Minute, "external-dns to be refused", func(out string) bool {
			return strings.Contains(out, "403") && strings.Contains(out, "AuthorizationFailed")
		}, "logs", "external-dns", "--tail=60", "--since=6s"); err != nil {
			t.Fatalf("%v\n%s", err, output(t, w.kube, "logs", "external-dns", "--tail=20"))
		}
	}
	address := func(name string) string {
		return output(t, w.kube, "get", "service", name, "-o", "jsonpath={.spec.clusterIP}")
	}
	refused()
	w.resolves("one.shop.example", "")
	revoke := w.grant(dnsContributorRole, zone, w.kubelet.principalID)
	w.resolves("one.shop.example", address("one"))
	revoke()
	if err := w.kube.Apply(t.Context(), service("two")); err != nil {
		t.Fatal(err)
	}
	refused()
	w.resolves("two.shop.example", "")
	w.grant(dnsContributorRole, zone, w.kubelet.principalID)
	w.resolves("two.shop.example", address("two"))
	// A Service that goes takes its name with it.
	output(t, w.kube, "delete", "service", "one")
	w.resolves("one.shop.example", "")
	output(t, w.kube, "delete", "pod", "external-dns", "--now")
}

// privateZone has a name that pods of linked networks know, and nobody else.
func (w *dataWorld) privateZone() {
	t := w.T
	server := "{apiVersion: v1, kind: Pod, metadata: {name: server}, spec: {terminationGracePeriodSeconds: 0, containers: [{name: probe, image: " + probeImage + ", args: [serve]}]}}"
	if err := w.kube.Apply(t.Context(), server); err != nil {
		t.Fatal(err)
	}
	address, err := w.kube.WaitFor(t.Context(), time.Minute, "the server's address", func(out string) bool { return out != "" }, "get", "pod", "server", "-o", "jsonpath={.status.podIP}")
	if err != nil {
		t.Fatal(err)
	}
	zone := w.put(sharedGroup+"/providers/Microsoft.Network/privateDnsZones/corp.internal", "2020-06-01", armresources.GenericResource{Location: to.Ptr("global")})
	w.put(zone+"/A/web", "2020-06-01", armresources.GenericResource{Properties: map[string]any{"ttl": 10, "aRecords": []any{map[string]any{"ipv4Address": strings.TrimSpace(address)}}}})
	ask := func(name, url, want string) {
		t.Helper()
		pod := "{apiVersion: v1, kind: Pod, metadata: {name: " + name + "}, spec: {terminationGracePeriodSeconds: 0, restartPolicy: Never, containers: [{name: probe, image: " + probeImage + ", args: [get, \"" + url + "\"]}]}}"
		if err := w.kube.Apply(t.Context(), pod); err != nil {
			t.Fatal(err)
		}
		log, err := w.kube.WaitFor(t.Context(), time.Minute, "the caller's end", func(out string) bool { return strings.HasSuffix(strings.TrimSpace(out), "done") }, "logs", name)
		if err != nil || !strings.Contains(log, want) {
			t.Errorf("want %s; %v:\n%s", want, err, log)
		}
	}
	ask("before", "!http://web.corp.internal:8080/", "unreachable")
	link := func() string {
		return w.put(zone+"/virtualNetworkLinks/spoke", "2020-06-01", armresources.GenericResource{Location: to.Ptr("global"), Properties: map[string]any{"virtualNetwork": map[string]any{"id": w.vnet}, "registrationEnabled": false}})
	}
	linked := link()
	time.Sleep(6 * time.Second) // the cluster's name server remembers for 5 s that there was no such name
	ask("linked", "http://web.corp.internal:8080/", "= 200")
	w.resolves("web.corp.internal", "") // from outside
	w.remove(linked, "2020-06-01")
	time.Sleep(12 * time.Second) // and for the record's 10 s that there is one
	ask("unlinked", "!http://web.corp.internal:8080/", "unreachable")
	link()
	time.Sleep(6 * time.Second)
	ask("again", "http://web.corp.internal:8080/", "= 200")
}

// data has a pod read the files of an account and send messages to a queue, as its identity's roles say in that second.
func (w *dataWorld) data() {
	t := w.T
	suffix := uuid.NewString()[:8]
	account := w.put(sharedGroup+"/providers/Microsoft.Storage/storageAccounts/files"+suffix, "2023-01-01", armresources.GenericResource{Location: to.Ptr(rig.Location), Kind: to.Ptr("StorageV2"), SKU: &armresources.SKU{Name: to.Ptr("Standard_LRS")}})
	inbox := w.put(account+"/blobServices/default/containers/inbox", "2023-01-01", armresources.GenericResource{})
	namespace := w.put(sharedGroup+"/providers/Microsoft.ServiceBus/namespaces/bus-"+suffix, "2021-11-01", armresources.GenericResource{Location: to.Ptr(rig.Location)})
	orders := w.put(namespace+"/queues/orders", "2021-11-01", armresources.GenericResource{})
	pod := fmt.Sprintf(`apiVersion: v1
kind: Pod
metadata: {name: app}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - {name: app, image: %q, args: [%q, %q, inbox, %q], volumeMounts: [{name: certificates, mountPath: /etc/ssl/certs, readOnly: true}]}
  volumes: [{name: certificates, hostPath: {path: /etc/ssl/certs}}]
`, dataClientImage, w.kubelet.clientID, "files"+suffix, "bus-"+suffix+"/orders")
	if err := w.kube.Apply(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	const refused = "AuthorizationPermissionMismatch"
	w.logged("app", "read="+refused+" list="+refused+" write="+refused+" send=401 receive=401")
	for _, c := range []struct{ blobs, queue string }{{inbox, orders}, {account, namespace}, {sharedGroup, sharedGroup}} {
		read, send := w.grant(blobReaderRole, c.blobs, w.kubelet.principalID), w.grant(busSenderRole, c.queue, w.kubelet.principalID)
		w.logged("app", "read=BlobNotFound list=ok write="+refused+" send=201 receive=401")
		read()
		send()
		w.logged("app", "read="+refused+" list="+refused+" write="+refused+" send=401 receive=401")
	}
	contribute := w.grant(blobContributorRole, inbox, w.kubelet.principalID)
	w.logged("app", "read=ok list=ok write=ok send=401")
	contribute()
	w.logged("app", "read="+refused+" list="+refused+" write="+refused)
	w.grant(blobReaderRole, inbox, w.kubelet.principalID)
	w.logged("app", "read=ok list=ok write="+refused)
	// What is sent is received, while both may be.
	w.grant(busSenderRole, orders, w.kubelet.principalID)
	receive := w.grant(busReceiverRole, orders, w.kubelet.principalID)
	w.logged("app", "send=201 receive=200")
	receive()
	w.logged("app", "send=201 receive=401")
}

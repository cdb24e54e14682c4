//go:build e2e

package e2e_test

import (
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	aks "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/containerservice/armcontainerservice/v6"

	"github.com/lanyard-project/lanyard/internal/cli/kubectl"
	"github.com/lanyard-project/lanyard/internal/clusters/vnet"
	"github.com/lanyard-project/lanyard/test/e2e/rig"
)

// TestConnectedCluster connects a real Kubernetes that this lanyardd hasn't made and can't start: a cluster of another
// one, of which it gets a kubeconfig and nothing more. A pod there gets a token of the first cloud's identity.
func TestConnectedCluster(t *testing.T) {
	far := rig.Start(t)
	far.Group(t, "rg")
	far.Create(t, "rg", "far", rig.NewCluster())
	way := far.Kubectl(t, "rg", "far")

	near := rig.StartWithoutRoot(t, "--clusters=attach", "--connectable=127.0.0.1", "--registration-time=0s")
	environment := near.Lanyard(t)
	lanyard := func(args ...string) (string, error) {
		command := exec.CommandContext(t.Context(), filepath.Join(near.Build, "bin", "lanyard"), args...)
		command.Env = environment
		out, err := command.CombinedOutput()
		return strings.TrimSpace(string(out)), err
	}
	must := func(args ...string) string {
		t.Helper()
		out, err := lanyard(args...)
		if err != nil {
			t.Fatalf("lanyard %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return out
	}
	must("group", "create", "--name", "rg", "--location", rig.Location)
	if out, err := lanyard("aks", "create", "-g", "rg", "-n", "own", "--generate-ssh-keys"); err == nil || !strings.Contains(out, "--clusters=local") {
		t.Errorf("a cluster of its own: %v %s", err, out)
	}

	// Its nodes have no way out of their virtual network; this is the one to the other cloud.
	relay(t, far, near.Listen)
	attach := []string{"aks", "attach", "-g", "rg", "-n", "far", "--file", way.Kubeconfig, "--metadata-endpoint", "https://" + relayed}
	if _, err := os.Stat(unified); err == nil {
		attach = append(attach, "--cgroup-folder", unified)
	}
	must(attach...)
	if shown := must("aks", "show", "-g", "rg", "-n", "far"); strings.Contains(shown, "client-key") || !strings.Contains(shown, `"kubernetesVersion": "1.`) {
		t.Errorf("shown is %s", shown)
	}
	kube := near.Kubectl(t, "rg", "far")
	if got := output(t, kube, "get", "nodes", "-o", "name"); !strings.HasPrefix(got, "node/aks-nodepool1-") {
		t.Errorf("by the kubeconfig that the cloud hands out, nodes are %q", got)
	}
	if out, err := lanyard("aks", "stop", "-g", "rg", "-n", "far"); err == nil || !strings.Contains(out, "is connected") {
		t.Errorf("stopping it: %v %s", err, out)
	}

	t.Run("managed pod identity", func(t *testing.T) {
		must("feature", "register", "--namespace", "Microsoft.ContainerService", "--name", "EnablePodIdentityPreview")
		must("provider", "register", "--namespace", "Microsoft.ContainerService")
		must("identity", "create", "-g", "rg", "-n", "badge")
		client := must("identity", "show", "-g", "rg", "-n", "badge", "--query", "clientId", "-o", "tsv")
		badge := near.Scope("rg", "providers/Microsoft.ManagedIdentity/userAssignedIdentities/badge")
		cluster := near.Create(t, "rg", "far", podIdentityOf(&aks.ManagedClusterPodIdentityProfile{Enabled: to.Ptr(true)}))
		near.Grant(t, *cluster.Identity.PrincipalID, "f1a07417-d97a-45cb-824c-7a7467783830", badge) // Managed Identity Operator
		cluster = near.Create(t, "rg", "far", podIdentityOf(&aks.ManagedClusterPodIdentityProfile{Enabled: to.Ptr(true), UserAssignedIdentities: []*aks.ManagedClusterPodIdentity{{
			Name: to.Ptr("web"), Namespace: to.Ptr("my-app"), Identity: &aks.UserAssignedIdentity{ResourceID: &badge},
		}}}))
		if state := *cluster.Properties.PodIdentityProfile.UserAssignedIdentities[0].ProvisioningState; state != aks.ManagedClusterPodIdentityProvisioningStateAssigned {
			t.Errorf("the pod identity is %s", state)
		}
		asks(t, kube, "badge", "web", client, client)
		asks(t, kube, "stranger", "other", client, "40")
	})
	t.Run("federated credential", func(t *testing.T) {
		must("identity", "create", "-g", "rg", "-n", "workload")
		client := must("identity", "show", "-g", "rg", "-n", "workload", "--query", "clientId", "-o", "tsv")
		issuer := must("aks", "show", "-g", "rg", "-n", "far", "--query", "oidcIssuerProfile.issuerUrl", "-o", "tsv")
		must("identity", "federated-credential", "create", "-g", "rg", "--identity-name", "workload", "--name", "far", "--issuer", issuer,
			"--subject", "system:serviceaccount:default:default", "--audiences", "api://AzureADTokenExchange")
		token := output(t, kube, "create", "token", "default", "--audience", "api://AzureADTokenExchange")
		browser, err := near.Client()
		if err != nil {
			t.Fatal(err)
		}
		answer, err := browser.PostForm(near.Origin()+"/"+near.Admin.TenantID+"/oauth2/v2.0/token", url.Values{
			"grant_type": {"client_credentials"}, "client_id": {client}, "scope": {"https://management.azure.com/.default"},
			"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {token},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			said, _ := io.ReadAll(answer.Body)
			t.Errorf("%d %s", answer.StatusCode, said)
		}
	})

	t.Run("a new kubeconfig of the same cluster", func(t *testing.T) {
		must(attach...) // its kubeconfig of the root
		if got := must("aks", "show", "-g", "rg", "-n", "far", "--query", "podIdentityProfile.userAssignedIdentities[0].provisioningState", "-o", "tsv"); got != "Assigned" {
			t.Errorf("the pod identity is %s", got)
		}
	})
	t.Run("one of another cluster that says it is the same", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "pretender")
		if err := os.WriteFile(file, pretender(t, output(t, way, "get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}")), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := lanyard("aks", "attach", "-g", "rg", "-n", "far", "--file", file); err == nil || !strings.Contains(out, "AnotherConnectedCluster") {
			t.Errorf("%v %s", err, out)
		}
	})

	must("aks", "detach", "-g", "rg", "-n", "far", "--yes")
	if got := output(t, way, "get", "daemonsets,azureidentities,azureidentitybindings,azurepodidentityexceptions", "-A", "-o", "name"); got != "" {
		t.Errorf("left in the cluster: %s", got)
	}
}

const (
	// unified is where a machine with both versions of cgroups has the second.
	unified = "/sys/fs/cgroup/unified"
	relayed = "168.63.129.16:9443"
)

func podIdentityOf(profile *aks.ManagedClusterPodIdentityProfile) aks.ManagedCluster {
	return aks.ManagedCluster{Location: to.Ptr(rig.Location), Properties: &aks.ManagedClusterProperties{PodIdentityProfile: profile}}
}

// asks runs a pod that asks for a token until its log has what is expected.
func asks(t *testing.T, kube *kubectl.Kubectl, name, selector, client, expected string) {
	t.Helper()
	manifest := fmt.Sprintf(`{"apiVersion":"v1","kind":"Pod","metadata":{"name":%q,"labels":{"aadpodidbinding":%q}},"spec":{"restartPolicy":"Never","containers":[{"name":"ask",
		"image":"mcr.microsoft.com/oss/azure/aad-pod-identity/demo:v1.6.3","args":["--raw","--clientid=%s"]}]}}`, name, selector, client)
	if err := kube.Apply(t.Context(), manifest, "--namespace", "my-app"); err != nil {
		t.Fatal(err)
	}
	log, err := kube.WaitFor(t.Context(), 90*time.Second, "the answer to pod "+name, func(out string) bool { return strings.HasSuffix(out, "\n") }, "logs", name, "-n", "my-app")
	if err == nil && strings.Contains(log, expected) {
		return
	}
	t.Errorf("pod %s: %v, %q", name, err, log)
	for _, about := range [][]string{{"describe", "pod", name, "-n", "my-app"}, {"logs", "-n", "kube-system", "daemonset/aks-pod-identity-nmi", "--tail=15"}} {
		out, _ := kube.Run(t.Context(), "", about...)
		t.Log(out)
	}
}

// pretender serves what a cluster says of itself, and returns a kubeconfig that leads there.
func pretender(t *testing.T, uid string) []byte {
	t.Helper()
	says := map[string]string{
		"/version": `{"gitVersion":"v1.34.2"}`,
		"/apis/authorization.k8s.io/v1/selfsubjectaccessreviews":       `{"status":{"allowed":true}}`,
		"/api/v1/namespaces/kube-system":                               `{"metadata":{"name":"kube-system","uid":"` + uid + `"}}`,
		"/.well-known/openid-configuration":                            `{"issuer":"https://kubernetes.default.svc"}`,
		"/openid/v1/jwks":                                              `{"keys":[]}`,
		"/api/v1/namespaces/kube-system/serviceaccounts/default/token": `{"kind":"TokenRequest","apiVersion":"authentication.k8s.io/v1","status":{"token":"e30.e30.e30"}}`,
	}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, says[r.URL.Path])
	}))
	t.Cleanup(server.Close)
	authority := base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	return fmt.Appendf(nil, `{"apiVersion":"v1","kind":"Config","current-context":"c","contexts":[{"name":"c","context":{"cluster":"c","user":"u"}}],
		"clusters":[{"name":"c","cluster":{"server":%q,"certificate-authority-data":%q}}],"users":[{"name":"u","user":{"token":"t"}}]}`, server.URL, authority)
}

// relay leads connections in the one virtual network of a cloud to an address of this machine, until the test ends.
func relay(t *testing.T, in *rig.Cloud, target string) {
	t.Helper()
	networks, err := filepath.Glob(filepath.Join(in.RunDir(), "*", "net", "vnet.*"))
	if err != nil || len(networks) != 1 {
		t.Fatalf("virtual networks are %v, %v", networks, err)
	}
	listener, err := vnet.Namespace{Path: networks[0]}.Listen(t.Context(), "tcp", relayed)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer from.Close()
				onward, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(t.Context(), "tcp", target)
				if err != nil {
					return
				}
				defer onward.Close()
				go func() { _, _ = io.Copy(onward, from); onward.Close() }()
				_, _ = io.Copy(from, onward)
			}()
		}
	}()
}

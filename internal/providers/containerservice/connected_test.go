package containerservice_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/clusters/connected"
	"github.com/lanyard-project/lanyard/internal/clusters/objects"
	"github.com/lanyard-project/lanyard/internal/providers/containerservice"
	"github.com/lanyard-project/lanyard/internal/secret"
)

// farCluster is a Kubernetes that somebody else runs.
type farCluster struct {
	uid     string
	keys    string
	away    bool
	sets    map[string][]*unstructured.Unstructured
	reviews int
	// slow is the key of a cluster that answers reviews when held is closed.
	slow string
	held chan struct{}
}

type fakeConnected struct{ *world }

func (f fakeConnected) Look(ctx context.Context, k connected.Kubeconfig) (facts connected.Facts, err error) {
	return facts, f.change(ctx, "Look", func() error {
		if f.far == nil || f.far.away {
			return errors.New("no route to host")
		}
		facts = connected.Facts{Cluster: f.far.uid, Version: "1.33.1", Issuer: "https://kubernetes.default.svc.cluster.local", Keys: []byte(f.far.keys)}
		return nil
	})
}

func (f fakeConnected) Apply(ctx context.Context, _ connected.Kubeconfig, set objects.Set) error {
	return f.change(ctx, "far.Apply "+set.Name, func() error {
		if f.far.away {
			return errors.New("no route to host")
		}
		if f.far.sets == nil {
			f.far.sets = map[string][]*unstructured.Unstructured{}
		}
		if f.far.sets[set.Name] = set.Objects; len(set.Objects) == 0 {
			delete(f.far.sets, set.Name)
		}
		return nil
	})
}

func (f fakeConnected) Missing(context.Context, connected.Kubeconfig) ([]string, error) {
	return nil, nil
}

func (f fakeConnected) Review(_ context.Context, _ connected.Kubeconfig, token, audience string) (connected.Account, error) {
	if f.far.slow != "" && strings.HasSuffix(audience, "/"+f.far.slow) {
		<-f.far.held
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.far.reviews++
	if !strings.HasSuffix(token, ".good") || !strings.HasPrefix(audience, "https://localhost:8443/lanyard/connected/") {
		return connected.Account{}, connected.ErrUnknownToken
	}
	return connected.Account{Name: nodeAgent, Node: "kind-worker"}, nil
}

const nodeAgent = "system:serviceaccount:kube-system:aks-pod-identity-nmi"

// wayTo is a kubeconfig, as requests carry it.
func wayTo(t testing.TB, server string) string {
	t.Helper()
	config := api.NewConfig()
	config.Clusters["kind"] = &api.Cluster{Server: server, CertificateAuthorityData: []byte("CA")}
	config.AuthInfos["admin"] = &api.AuthInfo{Token: "far-secret"}
	config.Contexts["kind"], config.CurrentContext = &api.Context{Cluster: "kind", AuthInfo: "admin"}, "kind"
	raw, err := clientcmd.Write(*config)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(raw)
}

func connectBody(t testing.TB, more string) string {
	return `{"location":"westus2","identity":{"type":"SystemAssigned"},"properties":{"connectedProfile":{"kubeconfig":"` + wayTo(t, "https://kind.example:6443") + `","podNetwork":"bridge"}` + more + `}}`
}

// A cluster that is run elsewhere is connected by its kubeconfig, even where the cloud runs none itself, and leaves nothing
// behind when it is disconnected.
func TestConnectedCluster(t *testing.T) {
	w := newWorld(t)
	empty := w.snapshot()
	w.attach, w.far = true, &farCluster{uid: "u1", keys: `{"keys":[]}`}
	p := w.start()
	defer p.stop()
	c := p.works("demo", connectBody(t, ""))
	if strings.Contains(string(c.Properties), "far-secret") || strings.Contains(string(c.Properties), "kubeconfig") || c.Kind != "Connected" {
		t.Errorf("the document is %s of kind %s", c.Properties, c.Kind)
	}
	for _, part := range []string{`"currentKubernetesVersion":"1.33.1"`, `"server":"https://kind.example:6443"`, `"fqdn":"kind.example"`, `"nodeResourceGroup":"MC_rg_demo_westus2"`} {
		if !strings.Contains(string(c.Properties), part) {
			t.Errorf("%s lacks %s", c.Properties, part)
		}
	}
	if !p.contributes(c.Identity.PrincipalID) {
		t.Error("the cluster's identity has no role on the node resource group")
	}
	config, err := p.credential("listClusterAdminCredential", "")
	if err != nil {
		t.Fatal(err)
	}
	if config.Clusters["demo"].Server != "https://kind.example:6443" || config.AuthInfos["clusterAdmin_rg_demo"].Token != "far-secret" {
		t.Errorf("the kubeconfig is %+v", config)
	}
	issuer := issuerOf(t, c)
	if status, got := p.issuer(strings.TrimPrefix(issuer, "https://localhost:8443") + "openid/v1/jwks"); status != 200 || got != `{"keys":[]}` {
		t.Errorf("its keys: %d %s", status, got)
	}
	if own, known := p.provider.IssuerAlias(t.Context(), issuer); !known || own != "https://kubernetes.default.svc.cluster.local" {
		t.Errorf("tokens behind %s are issued by %q", issuer, own)
	}
	if own, known := p.provider.IssuerAlias(t.Context(), "https://other.example/"); known {
		t.Errorf("another's issuer is %q", own)
	}
	// What the SDKs send back has no connectedProfile, and changes nothing of it.
	c = p.update("demo", `{"location":"westus2","tags":{"a":"b"},"properties":{}}`)
	if c.Kind != "Connected" || !strings.Contains(string(c.Properties), `"podNetwork":"bridge"`) {
		t.Errorf("after an update it is %s of kind %s", c.Properties, c.Kind)
	}
	p.delete(clusterID("demo"))
	p.settle(clusterID("demo"))
	if diff := cmp.Diff(empty, w.snapshot()); diff != "" {
		t.Errorf("left behind (-before +after):\n%s", diff)
	}
}

func TestConnectedIsRefused(t *testing.T) {
	w := newWorld(t)
	w.attach, w.far = true, &farCluster{uid: "u1", keys: `{"keys":[]}`}
	p := w.start()
	defer p.stop()
	const elsewhere = "OperationNotAllowedOnConnectedCluster"
	profile := func(content string) string {
		return `{"location":"westus2","identity":{"type":"SystemAssigned"},"properties":{"connectedProfile":` + content + `}}`
	}
	for name, test := range map[string]struct{ body, code, text string }{
		"a cluster of the cloud's own":    {simple, "ClustersNotOffered", "--clusters=local"},
		"without a kubeconfig":            {profile(`{}`), "InvalidParameter", "kubeconfig of the cluster is missing"},
		"a kubeconfig that isn't base64":  {profile(`{"kubeconfig":"apiVersion: v1"}`), "InvalidParameter", "base64"},
		"a server that isn't named":       {profile(`{"kubeconfig":"` + wayTo(t, "https://169.254.169.254") + `"}`), "ServerNotConnectable", "--connectable"},
		"another port of one that is":     {profile(`{"kubeconfig":"` + wayTo(t, "https://kind.example:2379") + `"}`), "ServerNotConnectable", "--connectable"},
		"node pools":                      {connectBody(t, `,"agentPoolProfiles":[{"name":"a","count":1}]`), elsewhere, "node pools"},
		"users of Entra":                  {connectBody(t, `,"aadProfile":{"managed":true}`), elsewhere, "aadProfile"},
		"a private API server":            {connectBody(t, `,"apiServerAccessProfile":{"enablePrivateCluster":true}`), elsewhere, "API server"},
		"a network":                       {connectBody(t, `,"networkProfile":{"networkPlugin":"azure"}`), elsewhere, "network"},
		"a kubelet identity":              {connectBody(t, `,"identityProfile":{"kubeletidentity":{"resourceId":"x"}}`), elsewhere, "kubeletidentity"},
		"a network that nmi doesn't know": {strings.Replace(connectBody(t, ""), `"bridge"`, `"vlan"`, 1), "InvalidParameter", "routed nor bridge"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := p.put(clusterID("demo"), test.body)
			if e := rest.AsError(err); err == nil || e.Code != test.code || !strings.Contains(e.Message, test.text) {
				t.Errorf("got %v", err)
			}
		})
	}
	p.works("demo", connectBody(t, ""))
	t.Run("what whoever runs the cluster does", func(t *testing.T) {
		for _, action := range []string{"stop", "start", "rotateClusterCertificates", "rotateServiceAccountSigningKeys", "listClusterMonitoringUserCredential"} {
			if _, err := p.post(clusterID("demo"), action, ``); err == nil || rest.AsError(err).Code != elsewhere {
				t.Errorf("%s: %v", action, err)
			}
		}
		if _, _, err := p.put(clusterID("demo"), `{"location":"westus2","properties":{"kubernetesVersion":"1.34.2"}}`); rest.AsError(err).Code != elsewhere {
			t.Errorf("an upgrade: %v", err)
		}
	})
	t.Run("another cluster behind the same name", func(t *testing.T) {
		w.far.uid = "u2"
		if _, _, err := p.put(clusterID("demo"), connectBody(t, "")); rest.AsError(err).Code != "AnotherConnectedCluster" {
			t.Errorf("got %v", err)
		}
		w.far.uid = "u1"
	})
	t.Run("one that is away", func(t *testing.T) {
		w.far.away = true
		if _, _, err := p.put(clusterID("other"), connectBody(t, "")); rest.AsError(err).Code != "ConnectedClusterUnreachable" {
			t.Errorf("got %v", err)
		}
		// It can be disconnected all the same.
		p.delete(clusterID("demo"))
		p.settle(clusterID("demo"))
		if p.get(clusterID("demo")) != nil {
			t.Error("it is still there")
		}
	})
}

// Managed pod identity on a connected cluster: nmi asks this cloud, shows its service account's token, and gets tokens of
// exactly the identities that are assigned.
func TestPodIdentityOfConnectedCluster(t *testing.T) {
	w := newWorld(t)
	w.features = map[string]bool{"Microsoft.ContainerService/EnablePodIdentityPreview": true}
	w.attach, w.far = true, &farCluster{uid: "u1", keys: `{"keys":[]}`}
	p := w.start()
	defer p.stop()
	c := p.works("demo", connectBody(t, `,"podIdentityProfile":{"enabled":true}`))
	key := strings.Split(strings.TrimSuffix(issuerOf(t, c), "/"), "/")[5]
	id, principal := p.identity("badge")
	add := `{"location":"westus2","properties":{"podIdentityProfile":{"enabled":true,"userAssignedIdentities":[{"name":"web","namespace":"app","identity":{"resourceId":"` + id + `"}}]}}}`
	if c := p.create("demo", add); c.ProvisioningState != resource.Failed || !strings.Contains(string(c.Properties), "Managed Identity Operator") {
		t.Errorf("without the grant: %s %s", c.ProvisioningState, c.Properties)
	}
	token := secret.New(claimed(t, nodeAgent, "https://localhost:8443/lanyard/connected/"+key) + ".good")
	node, err := p.provider.ConnectedNode(t.Context(), key, token)
	if err != nil || len(node.Identities) != 0 || node.Name != "kind-worker" {
		t.Errorf("an identity that isn't assigned: %+v, %v", node.Identities, err)
	}
	p.grant("f1a07417-d97a-45cb-824c-7a7467783830", id, c.Identity.PrincipalID) // Managed Identity Operator
	p.works("demo", add)
	node, err = p.provider.ConnectedNode(t.Context(), key, token)
	if err != nil || len(node.Identities) != 1 || node.Identities[0].ObjectID != principal {
		t.Errorf("lent are %+v, %v", node.Identities, err)
	}
	var kinds []string
	for _, o := range w.far.sets["pod-identity"] {
		kinds = append(kinds, o.GetKind()+" "+o.GetNamespace()+"/"+o.GetName())
		if o.GetKind() == "DaemonSet" && o.GetName() == "aks-pod-identity-nmi" {
			raw, err := json.Marshal(o)
			if err != nil || !strings.Contains(string(raw), "--metadata-endpoint=https://localhost:8443/lanyard/connected/"+key) || strings.Contains(string(raw), "azure.json") || !strings.Contains(string(raw), "--pod-network=bridge") {
				t.Errorf("nmi is %s", raw)
			}
		}
	}
	for _, want := range []string{"AzureIdentity app/web", "AzureIdentityBinding app/web-binding", "AzurePodIdentityException kube-system/aks-addon-exception", "ConfigMap kube-system/aks-pod-identity-metadata"} {
		if !strings.Contains(strings.Join(kinds, "\n"), want) {
			t.Errorf("%s isn't in the cluster: %v", want, kinds)
		}
	}
	t.Run("strangers", func(t *testing.T) {
		audience := "https://localhost:8443/lanyard/connected/" + key
		before := w.far.reviews
		for name, stranger := range map[string]string{
			"no token at all":   "x",
			"another account":   claimed(t, "system:serviceaccount:default:default", audience) + ".good",
			"another audience":  claimed(t, nodeAgent, "https://kubernetes.default.svc") + ".good",
			"a very long token": strings.Repeat("x", 1<<20),
		} {
			if _, err := p.provider.ConnectedNode(t.Context(), key, secret.New(stranger)); !errors.Is(err, containerservice.ErrNotNode) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if w.far.reviews != before {
			t.Errorf("the cluster was asked about %d tokens that can't be good", w.far.reviews-before)
		}
		for name, err := range map[string]error{
			"a forged token":  second(p.provider.ConnectedNode(t.Context(), key, secret.New(claimed(t, nodeAgent, audience)+".forged"))),
			"another cluster": second(p.provider.ConnectedNode(t.Context(), "guessed", token)),
		} {
			if !errors.Is(err, containerservice.ErrNotNode) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
	p.delete(clusterID("demo"))
	p.settle(clusterID("demo"))
	if len(w.far.sets) != 0 {
		t.Errorf("left in the cluster: %v", w.far.sets)
	}
	if _, err := p.provider.ConnectedNode(t.Context(), key, token); !errors.Is(err, containerservice.ErrNotNode) {
		t.Errorf("after the deletion: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

// claimed is a token of which nothing is true but its form.
func claimed(t testing.TB, subject, audience string) string {
	t.Helper()
	payload, err := json.Marshal(map[string]any{"sub": subject, "aud": []string{audience}, "exp": time.Now().Add(time.Hour).Unix()})
	if err != nil {
		t.Fatal(err)
	}
	return "e30." + base64.RawURLEncoding.EncodeToString(payload)
}
